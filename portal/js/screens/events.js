/*
 * The timeline: event by event, newest first, as it happens if one likes.
 */

import { h, replace, add, say, data } from '../dom.js';
import * as api from '../api.js';
import { note } from '../router.js';
import { button, empty, head, link, notice, skeleton } from '../ui.js';
import { icon } from '../icons.js';
import { plural, when } from '../format.js';
import { filterOf, fold, later, mark, merge, newest, page, renew } from '../timeline.js';
import { folded, row } from '../timeline-row.js';
import { filterBar, sound } from '../events-filter.js';
import { fails, failing, gist, sentence } from '../health.js';
import { replayFilter, replaySelected } from '../replay-dialog.js';
import { label } from './webhooks.js';
import * as live from '../live.js';

const EVERY = 2000;             // ms between two looks of the live tail
const MOST = 1000;              // rows of it; then half of them are dropped
const TOLD = 3;                 // webhooks that fail, one by one


export async function events(context) {
    const { path, signal, visit } = context;
    const picked = new Set();
    const rows = new Map();             // id: { element, mark }
    const opened = new Set();           // runs, by the id of their oldest event
    const list = h('ol.timeline', { 'aria-label': 'Events' });
    const foot = h('div.more');
    const troubles = h('div');
    const tail = { on: false, stop: null };

    let query = sound(context.query);
    let filter = filterOf(query);
    let groups = [], cursor = null, turn = 0, dropped = false;

    const replays = () => api.get(path('replays'), { signal, query: { limit: 250 } });

    const [hooks, types, past] = await Promise.all([
        api.all(path('webhooks'), { signal }),
        api.all('event-types', { signal }).catch((e) => { if (e.status) { return []; } throw e; }),
        replays(),
    ]);
    const byId = new Map(hooks.map((w) => [w.id, w]));
    let replayed = past.data;

    context = { ...context, later: (m) => later(replayed, byId, m) };

    const element = (g) => {
        const now = mark(byId, g);
        let r = rows.get(g.id);

        if (!r) {
            r = { element: row(context, byId, g, picked, bar), mark: now };
            rows.set(g.id, r);
        } else if (r.mark !== now) {
            r.element.update(g);
            r.mark = now;
        }

        return r.element;
    };

    const forget = (g) => {
        rows.delete(g.id);
        picked.delete(g.id);
    };

    /* Puts the rows in order and moves none that is in its place already. */

    const draw = () => {
        const wanted = fold(groups).flatMap((g) => {
            if (!g.run) {
                const e = element(g);

                e.classList.remove('in-run');
                return [e];
            }

            const key = g.run[g.run.length - 1].id;
            const open = opened.has(key);
            const top = folded(byId, g.run, picked, () => { rows.forEach((r, x) => { r.element.picks.checked = picked.has(x); }); bar(); },
                               open, () => {
                opened[open ? 'delete' : 'add'](key);
                draw();
                list.querySelector(`[data-run="${key}"] .fold`)?.focus();
            });

            top.dataset.run = key;
            return open ? [top, ...g.run.map((x) => { const e = element(x); e.classList.add('in-run'); return e; })] : [top];
        });

        let at = list.firstChild;

        for (const e of wanted) {
            if (at === e) {
                at = at.nextSibling;
            } else {
                list.insertBefore(e, at);
            }
        }

        while (at) {
            const gone = at;
            at = at.nextSibling;
            gone.remove();
        }

        list.hidden = groups.length === 0;
        list.classList.toggle('dated', groups.some((g) => when(g.created_at).includes(',')));
        bar();
    };

    const nothing = () => query.toString() === ''
        ? empty('Nothing has happened yet', 'As soon as an event is posted for you, it is listed here, with each webhook '
                + 'and each attempt.', hooks.length ? link('Send a test event', `#/webhooks/${hooks[0].id}`)
                                                    : link('Add a webhook', '#/webhooks/new', { kind: 'primary' }))
        : empty('No event matches', 'Take a filter away, or look at a longer time. Text in payloads is found in its own '
                + 'case.');

    const footer = () => replace(foot,
        groups.length === 0 && !cursor ? nothing()
        : cursor ? [filter.q && h('p.quiet', null, groups.length ? 'There may be more further back.'
                                  : 'Nothing found so far.'),
                    button(filter.q ? 'Search further back' : 'Older events', more)]
        : h('p.quiet', null, 'That is all.'));

    const more = async () => {
        const mine = turn;
        const got = await page(context, filter, cursor);

        if (mine === turn) {
            groups = merge(groups, got.groups);
            cursor = got.next;
            draw();
            footer();
        }
    };

    const load = async () => {
        const mine = ++turn;

        replace(foot, skeleton(groups.length ? 1 : 6));

        try {
            const got = await page(context, filter, null, (n) => n === 0 && filter.q && mine === turn
                && replace(foot, h('p.quiet', { role: 'status' }, 'Searching further back …'), skeleton(2)));

            if (mine === turn) {
                groups = got.groups;
                cursor = got.next;
                draw();
                footer();
                say(groups.length === 0 ? 'No event matches' : `${plural(groups.length, 'event')} listed`);
            }
        } catch (e) {
            if (e.name !== 'AbortError' && mine === turn) {
                groups = [];
                draw();
                replace(foot, notice('bad', h('p', null, e.message)), button('Try again', load));
            }
        }
    };

    /* What has changed on the first page, and what is new if that is wanted. */

    const look = async (add = true) => {
        const mine = turn;
        const first = groups.length === 0;
        const f = filterOf(query);
        const [got] = await Promise.all([
            newest(context, f, new Set(add ? groups.map((g) => g.id) : []), MOST / 2),
            groups.slice(0, 50).some(pauses) && freshen()]);

        if (mine !== turn) {
            return;
        }

        const gap = got.gap && add;

        if (gap && !tail.on) {
            await load();
            return;
        }

        const { groups: now, fresh } = renew(f, gap ? [] : groups, got, picked, add);
        const left = new Set(now.map((g) => g.id));

        groups.filter((g) => !left.has(g.id)).forEach(forget);
        groups = now;

        if (tail.on && (gap || groups.length > MOST)) {
            groups.splice(MOST / 2).forEach(forget);
            replace(foot, h('p.quiet', null, `Live keeps the newest ${MOST / 2}. Switch it off to go further back.`));
            dropped = true;
        } else if (first) {
            cursor = got.next;
            footer();
        }
        draw();

        if (fresh.length) {
            fresh.forEach((g) => rows.get(g.id)?.element.classList.add('fresh'));
            say(`${plural(fresh.length, 'new event')}`);
        }
    };

    const follow = button('Live', () => {
        tail.on = !tail.on;
        follow.setAttribute('aria-pressed', String(tail.on));
        tail.stop?.();
        tail.stop = tail.on ? visit.every(EVERY, () => look()) : null;
        if (tail.on) {
            look().catch(() => {});
        } else if (dropped) {
            dropped = false;
            load();
        }
        say(tail.on ? 'New events appear as they happen' : 'The list stays as it is');
    }, { icon: 'play' });

    follow.classList.add('live');
    follow.setAttribute('aria-pressed', 'false');

    const selection = h('div.selection', { role: 'region', 'aria-label': 'Selection' });
    const everything = h('input', { type: 'checkbox', 'aria-label': 'Select all events that are listed', onchange: () => {
        groups.forEach((g) => everything.checked ? picked.add(g.id) : picked.delete(g.id));
        rows.forEach((r, id) => { r.element.picks.checked = picked.has(id); });
        draw();
    } });
    const words = h('span.quiet');
    const chosen = button('Replay selected', async () => {
        if (!await replaySelected(context, groups.filter((g) => picked.has(g.id)), byId)) {
            return;
        }

        picked.clear();
        rows.forEach((r) => { r.element.picks.checked = false; });
        draw();
        await look();
    }, { small: true, kind: 'primary', icon: 'retry' });

    function bar() {
        selection.hidden = groups.length === 0;
        everything.checked = groups.length > 0 && groups.every((g) => picked.has(g.id));
        everything.indeterminate = picked.size > 0 && !everything.checked;
        chosen.hidden = picked.size === 0;
        replace(words, picked.size ? `${picked.size} selected` : `${plural(groups.length, 'event')} listed`);
    }

    add(selection, h('label.pick', null, everything), words, chosen);

    // what is wrong is said once, not on each row

    let faults = new Map();
    let told = '';

    const tell = async () => {
        const bad = [...byId.values()].filter(fails);
        const what = bad.map(gist).join();

        if (what === told) {
            return;
        }

        faults = await failing(context, bad.slice(0, TOLD), faults);

        if (troubles.contains(document.activeElement)) {
            return;
        }

        told = what;

        replace(troubles, bad.slice(0, TOLD).map((w) =>
            notice('bad', h('p', null, h('a', { href: `#/webhooks/${w.id}` }, data(label(w))), ' – ',
                            sentence(w, faults.get(w.id))))),
            bad.length > TOLD && h('p.quiet.also', null, h('a', { href: '#/webhooks' },
                `${plural(bad.length - TOLD, 'other webhook fails', 'other webhooks fail')}, too`)));
    };

    /* Webhooks as they are now: until when one is paused, whether it fails. */

    const freshen = async () => {
        const now = await api.all(path('webhooks'), { signal });

        byId.clear();
        now.forEach((w) => byId.set(w.id, w));
        tell().catch(() => {});
    };

    const pauses = (g) => g.events.some((e) => e.status === 'pending' && e.waiting_for === 'breaker');

    tell().catch(() => {});
    visit.every(10000, () => troubles.firstChild || [...byId.values()].some(fails) ? freshen() : null);

    // the way back to a webhook whose events these are

    const back = h('div');
    const whose = () => {
        const w = byId.get(query.get('webhook'));

        replace(back, w && h('a.back', { href: `#/webhooks/${w.id}` }, icon('right'), data(label(w))));
    };

    const filters = filterBar(query, hooks.map((w) => [w.id, label(w)]), types, (q) => {
        query = q;
        filter = filterOf(q);
        note(q);
        whose();
        rows.clear();
        picked.clear();
        groups = [];
        draw();
        load();
    });

    // an attempt that was due has been made by now

    visit.every(5000, () => !tail.on && groups.slice(0, 50).some((g) => g.events.some((e) =>
        e.status === 'pending' && e.next_attempt_at && Date.parse(e.next_attempt_at) < Date.now() - 1000))
        ? look(false) : null);

    whose();
    load();                     // a search may take its time: the screen is there

    return [back, head('Events', { actions: [follow,
                button('Replay …', async () => {
                    if (await replayFilter(context, filterOf(query), byId)) {
                        replayed = (await replays()).data;
                        await look();
                    }
                }, { icon: 'retry' })] }),
            troubles, filters, selection, list, foot];
}
