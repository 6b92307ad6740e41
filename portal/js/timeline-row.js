/*
 * A row of the timeline: an event, its webhooks, and, opened, its attempts.
 */

import { h, replace, data, say, unique } from './dom.js';
import * as api from './api.js';
import { button, link, skeleton, status, toast } from './ui.js';
import { icon } from './icons.js';
import { host, ms, plural, when, full, clock } from './format.js';
import { attempt, reason, statuses, waiting } from './words.js';
import * as live from './live.js';

const PILLS = 3;
const OPENED = 20;              // webhook events that an opened row looks up
const PATIENCE = 40000;         // ms for which a retry is looked for

const signs = { delivered: 'check', failed: 'cross', pending: 'clock', cancelled: 'dash' };


/* What a webhook event waits for has an end: when, or null. */

export function due(hooks, e) {
    if (e.status !== 'pending') {
        return null;
    }

    return e.waiting_for === 'schedule' ? e.next_attempt_at
         : e.waiting_for === 'breaker' ? hooks.get(e.webhook_id)?.health.paused_until ?? null
         : null;
}


export function nameOf(hooks, id) {
    const w = hooks.get(id);

    return w ? w.description || host(w.url) : 'deleted webhook';
}


/*
 * "next try in 3 min 12 s", "paused after too many failures: goes on in 4 min",
 * "waits for the event before it", ...
 */

export function next(hooks, e) {
    if (e.status !== 'pending') {
        return e.reason ? reason(e.reason) : null;
    }

    const at = due(hooks, e);

    if (!at) {
        return waiting(e.waiting_for);
    }

    return e.waiting_for === 'breaker'
           ? live.until(at, 'paused after too many failures: goes on in ', 'goes on: one delivery tries whether it works again')
           : live.until(at, 'next try in ', 'is due');
}


function pill(hooks, e) {
    const paused = e.status === 'pending' && e.waiting_for === 'breaker';
    const state = paused ? `${statuses.pending}, paused` : statuses[e.status];
    const at = due(hooks, e);

    return h('span.pill', { class: e.status, title: `${nameOf(hooks, e.webhook_id)}: ${state}` },
        icon(paused ? 'pause' : signs[e.status]), h('span.cut', null, data(nameOf(hooks, e.webhook_id))),
        h('span.hidden-text', null, `: ${state}`),
        at && h('span.pill-more', null, live.until(at, '', 'due')));
}


function pills(hooks, g) {
    if (g.events.length === 0) {
        return h('span.quiet', null, g.known ? 'no webhook wanted it' : 'open to see its webhooks');
    }

    if (g.events.length <= PILLS) {
        return g.events.map((e) => pill(hooks, e));
    }

    return Object.keys(statuses).map((s) => [s, g.events.filter((e) => e.status === s).length])
        .filter(([, n]) => n > 0)
        .map(([s, n]) => h('span.pill', { class: s }, icon(signs[s]), `${n} ${statuses[s].toLowerCase()}`));
}


/* The attempts of a webhook event, as points on a line. */

function attempts(hooks, e) {
    return h('ol.tries', { 'aria-label': 'Attempts' }, e.attempts.map((a) => h('li', { class: a.error ? 'bad' : 'good' },
        h('span.try-dot', null, icon(a.error ? 'cross' : 'check')),
        h('span', null, h('b', null, a.status_code ?? attempt(a)[0]), ' ',
          h('span.quiet', null, ms(a.timings?.total_ms ?? a.duration_ms))),
        h('time.quiet', { datetime: a.started_at, title: full(a.started_at) }, when(a.started_at)))),
        e.status === 'pending' && h('li.next', null, h('span.try-dot', null, icon('clock')), h('span', null, next(hooks, e))));
}


/* Looks for the attempt that a retry of "e" makes, for some time. */

function follow(context, e, again) {
    const asked = Date.now();

    const stop = context.visit.every(1000, async () => {
        const { attempts: made } = await api.get(context.path('webhook-events', e.id), { signal: context.signal });

        if (made.length > e.attempts.length) {
            stop();
            await again();
            say(made[made.length - 1].error ? 'The attempt failed' : 'Delivered');
        } else if (Date.now() - asked > PATIENCE) {
            stop();
        }
    });
}


function detail(context, hooks, e, again) {
    const act = (what, done) => async () => {
        await api.post(context.path('webhook-events', e.id, what));
        toast(done);
        await again();
        if (what === 'retry') {
            follow(context, e, again);
        }
    };

    const there = hooks.has(e.webhook_id);
    const keyed = (what, b) => {
        b.dataset.key = `${e.id} ${what}`;
        return b;
    };

    return h('li.target', null,
        h('div.target-head', null, status(e.status),
          there ? h('a', { href: `#/webhooks/${e.webhook_id}` }, data(nameOf(hooks, e.webhook_id)))
                : h('span.quiet', null, 'deleted webhook ', h('code', null, e.webhook_id)),
          e.status !== 'pending' && e.reason && h('span.quiet', null, reason(e.reason))),
        e.attempts.length || e.status === 'pending' ? attempts(hooks, e) : h('p.quiet', null, 'No attempt was made.'),
        h('div.actions', null,
          there && keyed('retry', button('Retry now', act('retry', 'It is being sent'), { small: true, icon: 'retry' })),
          e.status === 'pending' && keyed('cancel', button('Cancel', act('cancel', 'Cancelled: no further attempt'),
                                                           { small: true })),
          keyed('details', link('Details', `#/events/${e.message_id}/${e.id}`, { small: true }))));
}


/* Puts children into a panel; the focus stays at what it was at, or near it. */

function refill(panel, ...children) {
    const at = panel.contains(document.activeElement) && document.activeElement.dataset.key;

    replace(panel, children);

    if (at) {
        (panel.querySelector(`[data-key="${CSS.escape(at)}"]`)
         || panel.querySelector(`[data-key^="${CSS.escape(at.split(' ')[0])} "]`))?.focus();
    }
}


/* Looks up what is in an opened row; told(events) with its webhook events. */

async function openPanel(context, hooks, g, panel, told) {
    const mine = panel.turn = (panel.turn || 0) + 1;
    const again = () => openPanel(context, hooks, g, panel, told);

    try {
        const m = await api.get(context.path('messages', g.id), { signal: context.signal });
        const list = m.webhook_events.slice(0, OPENED);
        const whole = await Promise.all(list.map((e) =>
            api.get(context.path('webhook-events', e.id), { signal: context.signal })));

        if (panel.turn !== mine) {
            return;                     // a later look has begun
        }

        told(m.webhook_events);
        refill(panel, whole.length === 0
            ? h('p.quiet', null, 'When it happened, no webhook was subscribed to it. It is kept all the same: '
                + 'a replay of “events it never got” sends it to a webhook that wants it now.')
            : h('ul.targets', null, whole.map((e) => detail(context, hooks, e, again))),
            h('p.panel-foot', null, h('a', { href: `#/events/${g.id}` },
                m.webhook_events.length > OPENED ? `All ${m.webhook_events.length} webhooks, and the payload`
                                                 : 'Payload, requests and responses')));
    } catch (e) {
        if (e.name !== 'AbortError' && panel.turn === mine) {
            replace(panel, h('p.error', null, icon('bang'), e.message));
        }
    }
}


/*
 * The element; its .update(g) draws it anew.  "picked" is the set of ids that
 * are selected, pick() is called on a change.
 */

export function row(context, hooks, g, picked, pick) {
    const id = unique('panel');
    const panel = h('div.panel', { id, hidden: true });
    const where = h('div.pills');
    const box = h('input', { type: 'checkbox', 'aria-label': `Select ${g.event}, ${when(g.created_at)}`,
        checked: picked.has(g.id), onchange: (e) => {
            if (e.target.checked) {
                picked.add(g.id);
            } else {
                picked.delete(g.id);
            }
            pick();
        } });

    /* What the panel has found is what the row says, too. */

    const told = (found) => {
        const now = new Map(found.map((e) => [e.id, e]));

        if (g.known) {
            g.events.forEach((e) => Object.assign(e, now.get(e.id)));
        } else {
            g.events = [...found].reverse();
        }

        replace(where, pills(hooks, g));
    };

    const toggle = h('button.fold', { type: 'button', 'aria-expanded': 'false', 'aria-controls': id,
        'aria-label': `${g.event}, ${when(g.created_at)}: its webhooks and attempts`, onclick: () => {
            const open = panel.hidden;

            panel.hidden = !open;
            toggle.setAttribute('aria-expanded', String(open));
            if (open) {
                replace(panel, skeleton(2));
                openPanel(context, hooks, g, panel, told);
            }
        } }, icon('right'));

    const element = h('li.event-row', { dataset: { id: g.id } },
        h('div.event-line', null,
          h('label.pick', null, box), toggle,
          h('time.event-time', { datetime: g.created_at, title: full(g.created_at) }, when(g.created_at)),
          h('a.event-name', { href: `#/events/${g.id}` }, g.event),
          h('code.event-id.quiet', null, g.id),
          where),
        panel);

    element.update = (now) => {
        const first = !where.firstChild;

        g = now;
        replace(where, pills(hooks, g));
        if (!first && !panel.hidden && !panel.contains(document.activeElement)) {
            openPanel(context, hooks, g, panel, told);
        }
    };

    element.picks = box;
    element.update(g);

    return element;
}


/* Many equal rows as one: what is wrong is said once. */

export function folded(hooks, run, picked, pick, open, toggled) {
    const first = run[run.length - 1], last = run[0];
    const waits = run.flatMap((g) => g.events).map((e) => due(hooks, e)).filter(Boolean).sort()[0];
    const failed = last.events.filter((e) => e.status !== 'delivered');

    const box = h('input', { type: 'checkbox', 'aria-label': `Select these ${run.length} events ${last.event}`,
        checked: run.every((g) => picked.has(g.id)), onchange: () => {
            run.forEach((g) => picked[box.checked ? 'add' : 'delete'](g.id));
            pick();
        } });

    return h('li.event-row.run', null, h('div.event-line', null, h('label.pick', null, box),
        h('button.fold', { type: 'button', 'aria-expanded': String(open), onclick: toggled,
                           'aria-label': `${plural(run.length, 'event')} ${last.event}` }, icon('right')),
        h('time.event-time', { datetime: last.created_at, title: full(last.created_at) }, when(last.created_at)),
        h('span.event-name', null, last.event, h('span.times', null, `× ${run.length}`),
          h('span.run-since', null, `since ${clock(first.created_at)}`)),
        h('div.pills', null, failed.slice(0, PILLS).map((e) => h('span.pill', { class: e.status },
            icon(signs[e.status]), h('span.cut', null, data(nameOf(hooks, e.webhook_id))),
            h('span.hidden-text', null, `: ${statuses[e.status]}`))),
          waits && h('span.quiet', null, live.until(waits, 'next try in ', 'is due')))));
}
