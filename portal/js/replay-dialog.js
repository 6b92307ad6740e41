/*
 * Replays: what matches a filter, or what was selected, once more.  How many
 * that is is said before anything is sent.
 */

import { h, replace, data } from './dom.js';
import * as api from './api.js';
import { button, dialog, field, notice, progress, segmented } from './ui.js';
import { count, full, plural } from './format.js';
import { nameOf } from './timeline-row.js';
import { statuses } from './words.js';

const AT_A_TIME = 4;


function amount(n, atLeast) {
    return `${atLeast ? 'at least ' : ''}${count(n)}`;
}


/* Does f for each of a list, some at a time; told(done) after each. */

async function each(list, f, told, going) {
    let at = 0, done = 0;

    const worker = async () => {
        while (at < list.length && going()) {
            const item = list[at++];

            await f(item);
            told(++done);
        }
    };

    await Promise.all(Array.from({ length: AT_A_TIME }, worker));
}


export async function replaySelected(context, groups, hooks) {
    const found = [];

    // those of messages whose webhook events are not all known
    await each(groups, async (g) => {
        found.push(...g.known && g.events.length ? g.events
            : (await api.get(context.path('messages', g.id), { signal: context.signal })).webhook_events);
    }, () => {}, () => true);

    const sendable = found.filter((e) => hooks.has(e.webhook_id) && hooks.get(e.webhook_id).enabled);
    const sets = { failing: sendable.filter((e) => e.status !== 'delivered'), all: sendable };
    let set = sets.failing.length ? 'failing' : 'all';
    let going = true;

    const shown = dialog('Replay what is selected', (close) => {
        const sum = h('p.sum', { role: 'status', 'aria-live': 'polite' });
        const foot = h('div.dialog-foot');
        const body = h('div.dialog-body', null,
            h('p', null, `${plural(groups.length, 'event')} selected, sent to ${plural(found.length, 'webhook', 'webhooks')
                }${found.length === 1 ? '' : ' in all'}. Each keeps its id: receivers that remember ids skip what they have.`),
            segmented('What to send', { failing: 'What was not delivered', all: 'Everything' }, set,
                      (v) => { set = v; draw(); }),
            sum,
            found.length > sendable.length && notice('warn', h('p', null,
                `${plural(found.length - sendable.length, 'delivery', 'deliveries')} cannot be replayed: `
                + 'their webhooks are disabled or deleted.')));

        const draw = () => {
            const n = sets[set].length;

            replace(sum, n === 0 ? 'Nothing to send.' : [h('strong', null, plural(n, 'delivery', 'deliveries')),
                                                         ' will be sent again.']);
            replace(foot, button('Cancel', () => close(null)),
                    n > 0 && button(`Replay ${count(n)}`, run, { kind: 'primary' }));
        };

        const run = async () => {
            const list = sets[set];
            const bar = progress('Replaying');
            const text = h('p', { role: 'status' });
            const failed = [];
            let asked = 0;

            replace(body, bar.element, text);
            replace(foot, button('Stop', () => { going = false; }));
            bar.set(0, list.length);

            await each(list, async (e) => {
                try {
                    await api.post(context.path('webhook-events', e.id, 'retry'));
                } catch (err) {
                    if (err.name === 'AbortError') {
                        throw err;
                    }
                    failed.push(`${nameOf(hooks, e.webhook_id)}: ${err.message}`);
                }
            }, (done) => {
                asked = done;
                bar.set(done, list.length);
                replace(text, `${count(done)} of ${count(list.length)}`);
            }, () => going && !context.signal.aborted);

            replace(text, `${plural(asked - failed.length, 'delivery is', 'deliveries are')} being sent.`,
                    asked < list.length && ` ${count(list.length - asked)} were left out: it was stopped.`);
            if (failed.length) {
                body.append(notice('warn', h('p', null, `${count(failed.length)} could not be:`),
                    h('ul', null, [...new Set(failed)].slice(0, 5).map((t) => h('li', null, data(t))))));
            }
            replace(foot, button('Done', () => close(true), { kind: 'primary' }));
        };

        draw();
        return [body, foot];
    });

    // closed on the way: no more of them than were asked for
    return shown.finally(() => { going = false; });
}


function words(f, source) {
    return [source === 'messages' ? 'events' : f.status ? statuses[f.status].toLowerCase() : 'all',
            f.event && `named ${f.event}`, f.since && `since ${full(f.since)}`, f.until && `until ${full(f.until)}`]
        .filter(Boolean).join(', ');
}


/* A replay that runs, with its bar; polls until it has ended. */

export function running(context, replay, changed = () => {}) {
    const bar = progress('Progress of the replay');
    const text = h('span', { role: 'status' });
    const stop = button('Cancel', async () => show(await api.post(context.path('replays', replay.id, 'cancel'))),
                        { small: true });
    const box = h('div.running', null, bar.element, text, stop);

    const show = (r) => {
        const over = r.status !== 'running';

        replay = r;
        bar.element.classList.toggle('good', r.status === 'done');
        bar.set(r.done + r.skipped, over && r.status === 'done' ? r.done + r.skipped : Math.max(r.count, r.done + r.skipped));
        replace(text, r.status === 'done' ? `Done: ${count(r.done)} sent again`
                    : over ? `Cancelled after ${count(r.done)}`
                    : `${count(r.done)} of ${amount(r.count, r.at_least)}`,
                r.skipped > 0 && `, ${count(r.skipped)} left out`);
        stop.hidden = over;
        changed(r);
    };

    const poll = context.visit.every(1000, async () => {
        if (replay.status === 'running' && box.isConnected) {
            show(await api.get(context.path('replays', replay.id), { signal: context.signal }));
        }
        if (replay.status !== 'running') {
            poll();
        }
    });

    show(replay);
    return box;
}


export async function replayFilter(context, given, hooks) {
    const able = [...hooks.values()].filter((w) => w.enabled);
    const f = { status: ['delivered', 'failed', 'cancelled'].includes(given.status) ? given.status : given.status ? null : 'failed',
                event: given.event || null, since: given.since || null, until: given.until || null };
    let source = 'webhook_events';
    const wanted = able.filter((w) => given.webhook ? w.id === given.webhook : able.length === 1);
    const chosen = new Set(wanted.map((w) => w.id));
    const counts = new Map();           // or the Problem that counting met

    return dialog('Replay events', (close) => {
        const sum = h('p.sum', { role: 'status', 'aria-live': 'polite' });
        const foot = h('div.dialog-foot');
        const list = h('ul.choose');
        const state = h('select', null, [['failed', 'Failed'], ['cancelled', 'Cancelled'], ['delivered', 'Delivered'],
                                         ['', 'All that have ended']].map(([v, text]) =>
            h('option', { value: v, selected: v === (f.status || '') }, text)));
        const stateField = field('Which ones', state);
        const about = h('p.quiet');
        let turn = 0;

        const body = h('div.dialog-body', null,
            segmented('What to replay', { webhook_events: 'What was sent before', messages: 'Events it never got, too' },
                      source, (v) => { source = v; recount(); }),
            about, stateField,
            h('fieldset.plain', null, h('legend', null, 'To which webhooks'), list), sum,
            (given.q || given.id) && notice('warn', h('p', null, 'A replay knows no search for text or an id: it takes all '
                + 'that the other filters match. To replay what was found, select it in the list.')),
            given.webhook && wanted.length === 0 && notice('warn', h('p', null, data(nameOf(hooks, given.webhook)),
                hooks.has(given.webhook) ? ' is disabled: enable it, then replay.' : ': nothing can be sent to it.')));

        const ask = (id) => ({ webhook_id: id, source, filter: {
            since: f.since, until: f.until, event: f.event,
            ...(source === 'webhook_events' ? { status: f.status } : {}) } });

        const draw = () => {
            const known = [...chosen].map((id) => counts.get(id)).filter(Boolean);
            const wrong = known.find((c) => c instanceof api.Problem);
            const n = known.reduce((t, c) => t + c.count, 0);
            const some = known.some((c) => c.at_least);
            const whole = known.length === chosen.size && !wrong;

            replace(sum, chosen.size === 0 ? 'Choose a webhook.' : wrong ? wrong.message : !whole ? 'Counting …'
                : n === 0 ? 'Nothing matches.' : [h('strong', null, `${amount(n, some)} ${n === 1 ? 'delivery' : 'deliveries'}`),
                                                  ' will be sent.']);
            replace(foot, button('Cancel', () => close(null)), wrong && button('Count again', recount),
                    whole && n > 0 && button(`Replay ${amount(n, some)}`, run, { kind: 'primary' }));
            list.querySelectorAll('[data-count]').forEach((el) => {
                const c = counts.get(el.dataset.count);
                replace(el, c instanceof api.Problem ? '–' : c ? amount(c.count, c.at_least) : chosen.has(el.dataset.count) ? '…' : '');
            });
        };

        const recount = async () => {
            const mine = ++turn;

            f.status = state.value || null;
            stateField.hidden = source === 'messages';
            replace(about, source === 'messages'
                ? 'Every event with a name that the webhook subscribes to, also those from before it existed.'
                : 'Each keeps its id: receivers that remember ids skip what they have.',
                f.event || f.since || f.until ? ` In the filter: ${words(f, 'messages').replace(/^events, /, '')}.` : '');
            counts.clear();
            draw();

            await Promise.all([...chosen].map(async (id) => {
                try {
                    const c = await api.post(context.path('replays'), { ...ask(id), dry_run: true }, { signal: context.signal });

                    if (mine === turn) {
                        counts.set(id, c);
                        draw();
                    }
                } catch (e) {
                    if (e.name === 'AbortError') {
                        return;
                    }

                    if (e.status === undefined) {
                        throw e;
                    }

                    if (mine === turn) {
                        counts.set(id, e);
                        draw();
                    }
                }
            }));
        };

        const run = async () => {
            const made = [], failed = [];

            // one that cannot begin holds up no other, and none begins twice
            for (const id of [...chosen].filter((x) => counts.get(x).count > 0)) {
                try {
                    made.push(await api.post(context.path('replays'), ask(id)));
                } catch (e) {
                    if (e.status === undefined) {
                        throw e;
                    }
                    failed.push(h('li', null, data(nameOf(hooks, id)), `: ${e.message}`));
                }
            }

            replace(body, made.length > 0 && h('p', null, 'It goes on by itself, also when this page is closed.'),
                failed.length > 0 && notice('bad', h('p', null, 'Nothing is sent to:'), h('ul', null, failed)),
                made.map((r) => h('div', null, h('h3', null, data(nameOf(hooks, r.webhook_id))), running(context, r))));
            replace(foot, h('a.button.plain', { href: '#/replays' }, 'All replays'),
                    button('Done', () => close(true), { kind: 'primary' }));
        };

        replace(list, able.map((w) => h('li', null, h('label.check', null,
            h('input', { type: 'checkbox', checked: chosen.has(w.id), onchange: (e) => {
                chosen[e.target.checked ? 'add' : 'delete'](w.id);
                recount();
            } }), h('span.cut', null, data(nameOf(hooks, w.id))), h('span.quiet', { dataset: { count: w.id } })))));

        state.addEventListener('change', recount);
        recount();

        return able.length === 0
            ? h('div.dialog-body', null, h('p', null, 'There is no webhook that is enabled. Add or enable one first.'))
            : [body, foot];
    });
}
