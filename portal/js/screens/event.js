/*
 * One event: its payload, and at each webhook each attempt, to the byte.
 */

import { h, replace, data, say } from '../dom.js';
import * as api from '../api.js';
import { button, copyable, copyButton, head, notice, segmented, skeleton, status } from '../ui.js';
import { icon } from '../icons.js';
import { bytes, full, plural } from '../format.js';
import { coloured, member } from '../json.js';
import * as live from '../live.js';
import { attemptCard } from '../attempt.js';
import { due, nameOf, next } from '../timeline-row.js';
import { waiting } from '../words.js';

const PATIENCE = 40000;         // ms that a retry is waited for with a bar
const NEWEST = 250;             // webhook events that the API shows of a message
const OPEN = 5;                 // webhooks that are opened by themselves
const TROUBLE = ['failed', 'pending', 'cancelled', 'delivered'];
const SHOWN = 60000;            // characters of a payload


function payloadCard(text, erased) {
    if (text === null || erased) {
        return h('section.card', null, h('h2', null, 'Payload'),
                 h('p.quiet', null, 'It is not kept any more.'));
    }

    const pre = h('pre.code.wrap', { tabindex: '0', role: 'group', 'aria-label': 'Payload' });

    const draw = (how) => {
        const cut = text.slice(0, SHOWN);

        replace(pre, how === 'raw' ? data(cut) : coloured(cut),
                text.length > SHOWN && h('span.quiet', null, `\n… ${bytes(text.length - SHOWN)} more: copy it to see all`));
    };

    draw('pretty');

    return h('section.card', { 'aria-labelledby': 'payload' },
        h('div.section-head', null, h('h2', { id: 'payload' }, 'Payload',
            h('span.quiet', null, bytes(new TextEncoder().encode(text).length))),
          segmented('Payload', { pretty: 'Pretty', raw: 'Raw' }, 'pretty', draw)),
        h('div.code-box', null, pre, copyButton(() => text, 'payload')));
}


/* A webhook of the event: its state, what can be done, its attempts. */

function target(context, payload, hooks, e, open, detailed) {
    const body = h('div.target-body');
    const top = h('div.target-sum');
    const acts = h('div.actions');
    const wait = h('div', { role: 'status', 'aria-live': 'polite' });
    const there = hooks.has(e.webhook_id);
    let whole = null;
    let watch = null;               // ends the wait for an attempt

    const load = async () => {
        whole = await api.get(context.path('webhook-events', e.id), { signal: context.signal });
        e = whole;
        draw();
        return whole;
    };

    /* Whether an attempt was recorded that was not among the first "before". */

    const made = async (before) => {
        const now = await load();

        if (now.attempts.length <= before) {
            return false;
        }

        const a = now.attempts[now.attempts.length - 1];

        say(a.error ? 'The attempt failed' : 'Delivered');
        return true;
    };

    const leave = () => {
        watch?.();
        watch = null;
        replace(wait);
    };

    /* What takes long is said, and looked for further on. */

    const goOn = (before) => {
        const asked = Date.now();
        const why = h('p');
        const tell = () => replace(why, h('strong', null, 'No attempt was recorded yet. '),
            e.status !== 'pending' ? 'It is not pending any more: somebody may have cancelled the retry.'
            : `It ${waiting(e.waiting_for)}. It is sent as soon as it can be, also when this page is closed.`);

        tell();
        replace(wait, notice('warn', why,
            h('p.quiet', null, 'You asked ', live.since(new Date(asked - PATIENCE).toISOString()),
              '. This page goes on looking for it.'),
            h('p', null, button('Stop waiting', leave, { small: true }))));
        say('No attempt was recorded yet. It is waited for.');

        watch = context.visit.every(2000, async () => {
            if (await made(before)) {
                leave();
            } else {
                tell();
            }
        });
    };

    /* Sends it now, and waits for the attempt to be recorded. */

    const retry = async () => {
        const before = (await load()).attempts.length;

        leave();
        await api.post(context.path('webhook-events', e.id, 'retry'));
        replace(wait, h('p.progress-line', null, h('progress', { 'aria-label': 'Waiting for the attempt' }),
                        'Sending, waiting for the answer …'));
        const asked = Date.now();

        try {
            while (!context.signal.aborted) {
                await new Promise((done) => { setTimeout(done, 400); });

                if (await made(before)) {
                    replace(wait);
                    return;
                }

                if (Date.now() - asked > PATIENCE) {
                    goOn(before);
                    return;
                }
            }
        } catch (err) {
            if (err.name !== 'AbortError') {
                goOn(before);           // it was asked for, whatever this answer is
            }
            throw err;
        }
    };

    const cancel = async () => {
        await api.post(context.path('webhook-events', e.id, 'cancel'));
        await load();
        say('Cancelled');
    };

    const again = button('Retry now', retry, { small: true, icon: 'retry' });
    const stop = button('Cancel', cancel, { small: true });

    again.hidden = !there;
    acts.append(again, stop);

    const draw = () => {
        replace(top, status(e.status), h('span.quiet', null, next(hooks, e),
            e.status === 'delivered' && e.delivered_at && [' ', live.since(e.delivered_at)]));
        stop.hidden = e.status !== 'pending';

        if (whole) {
            const focus = body.contains(document.activeElement);
            const opened = new Set([...body.querySelectorAll('details[open]')].map((d) => d.dataset.id));
            const list = [...whole.attempts].reverse();

            if (!focus || body.dataset.n !== String(list.length)) {
                replace(body, list.length === 0 ? h('p.quiet', null, e.status === 'pending'
                        ? 'It was not tried yet.' : 'No attempt was made.')
                    : list.map((a, i) => attemptCard(whole, payload, a,
                        opened.has(a.id) || (i === 0 && (body.dataset.n ? list.length > +body.dataset.n
                                                                         : detailed || !!a.error)))));
                body.dataset.n = String(list.length);
            }
        }
    };

    const box = h('details.target-box.card', { open, dataset: { id: e.id } },
        h('summary', null, icon('right'), h('h2', null, data(nameOf(hooks, e.webhook_id))), top),
        h('div.target-row', null,
          h('span.quiet', null, there ? h('a', { href: `#/webhooks/${e.webhook_id}` }, 'Go to the webhook') : 'The webhook was deleted',
            ' · ', h('code', null, e.id)),
          acts), wait, body);

    draw();

    const first = () => {
        if (box.open && !whole) {
            replace(body, skeleton(2));
            load().catch((err) => err.name === 'AbortError' || replace(body, notice('bad', h('p', null, err.message))));
        }
    };

    box.addEventListener('toggle', first);
    first();

    let until = due(hooks, e);

    box.update = (now) => {
        const changed = ['status', 'retries', 'next_attempt_at', 'waiting_for'].some((k) => now[k] !== e[k])
                        || due(hooks, now) !== until;

        until = due(hooks, now);

        if (changed) {
            e = now;
            if (whole) {
                load().catch(() => {});
            } else {
                draw();
            }
        }
    };

    return box;
}


export async function event(context, id, focus) {
    const { path, signal, visit } = context;
    const [{ value: m, text }, list] = await Promise.all([
        api.getText(path('messages', id), { signal }), api.all(path('webhooks'), { signal })]);
    const hooks = new Map(list.map((w) => [w.id, w]));
    const payload = m.payload_erased ? null : member(text, 'payload');
    const events = [...m.webhook_events].reverse().sort((a, b) => TROUBLE.indexOf(a.status) - TROUBLE.indexOf(b.status));
    const boxes = new Map(events.map((e, i) => [e.id, target(context, payload, hooks, e,
        focus ? e.id === focus : i < OPEN, focus ? e.id === focus : events.length === 1)]));

    visit.every(3000, async () => {
        const now = await api.get(path('messages', id), { signal });

        if (now.webhook_events.some((e) => e.status === 'pending' && e.waiting_for === 'breaker')) {
            // until when it is paused
            (await api.all(path('webhooks'), { signal })).forEach((w) => hooks.set(w.id, w));
        }

        now.webhook_events.forEach((e) => boxes.get(e.id)?.update(e));
    });

    if (focus) {
        setTimeout(() => boxes.get(focus)?.scrollIntoView({ block: 'nearest' }), 0);
    }

    return [
        head(data(m.event), { back: ['Events', '#/events'],
            sub: [copyable(m.id, 'id'), h('span.quiet', null, ' ', full(m.created_at), ', to ',
                                          events.length < NEWEST ? plural(events.length, 'webhook')
                                          : `many webhooks: the newest ${NEWEST}`)] }),
        h('div.stack', null, payloadCard(payload, m.payload_erased),
          events.length === 0 && h('section.card', null, h('h2', null, 'No webhook wanted it'),
              h('p.quiet', null, 'When it happened, no webhook was subscribed to its name. Subscribe one, then replay '
                + '“Events it never got” to it.')),
          [...boxes.values()]),
    ];
}
