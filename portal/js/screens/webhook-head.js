/*
 * What the pages of a webhook share: its head, its tabs, its test, and why it
 * fails.
 */

import { h, replace, data, say } from '../dom.js';
import * as api from '../api.js';
import { badge, button, copyable, head, link, notice, progress, status, tabs } from '../ui.js';
import { ms } from '../format.js';
import { attempt, state } from '../words.js';
import { fails, failing, gist, sentence } from '../health.js';
import { label } from './webhooks.js';

const WAIT = 15;                // seconds for which a test is waited for


/* Sends a test; the box shows how it went. */

function tester(context, w) {
    const box = h('div.test', { role: 'status', 'aria-live': 'polite', hidden: true });

    const outcome = (e) => {
        const a = e.attempts?.[e.attempts.length - 1];
        const good = a && !a.error;
        const [title, hint] = a ? attempt(a) : ['Not sent yet', ''];

        replace(box, h('div.test-row', { class: a ? good ? 'good' : 'bad' : 'warn' },
            status(a ? good ? 'delivered' : 'failed' : 'pending', a ? good ? 'Delivered' : 'Failed' : 'Waiting'),
            h('div', null,
              h('p', null, h('strong', null, title), a && ` in ${ms(a.timings?.total_ms ?? a.duration_ms)}`,
                a && a.status_code && good && `, status ${a.status_code}`),
              hint && h('p.quiet', null, hint),
              a && a.error_detail && h('p.quiet', null, data(a.error_detail)),
              a?.response?.body && h('pre.answer', { tabindex: '0', 'aria-label': 'Answer' },
                                     data(a.response.body.slice(0, 400)))),
            h('div.actions', null, link('Details', `#/events/${e.message_id}/${e.id}`, { small: true }),
              button('', () => { box.hidden = true; }, { icon: 'cross', label: 'Close', kind: 'quiet', small: true }))));
    };

    const send = async () => {
        const bar = progress('The test is being sent');

        bar.set(0, null);
        box.hidden = false;
        replace(box, h('div.test-row', null, h('div', null,
            h('p', null, 'Sending ', h('code', null, 'test.webhook-event'), ', waiting for the answer …'),
            bar.element)));

        try {
            const answer = await api.postStatus(context.path('webhooks', w.id, 'test'), undefined,
                                                { query: { wait: `${WAIT}s` }, signal: context.signal });

            if (answer.status === 200) {
                outcome(answer.value);
            } else {
                outcome(await api.get(context.path('webhook-events', answer.value.webhook_event_id),
                                      { signal: context.signal }));
            }
        } catch (e) {
            box.hidden = true;
            throw e;
        }
    };

    return { box, button: button('Send test event', send, { icon: 'send' }) };
}


/* The page of a webhook: head, tabs, and what "content" is. */

export async function webhookPage(context, id, tab, content) {
    const w = await api.get(context.path('webhooks', id), { signal: context.signal });
    const test = tester(context, w);
    const how = h('span');
    const trouble = h('div');
    let faults = new Map();
    let shown = null;

    const show = (now) => {
        const st = state(now);
        const what = gist(now);

        if (what === shown || trouble.contains(document.activeElement)) {
            return;                     // what is said is not said again
        }

        shown = what;

        replace(how, badge(st.kind, st.word));

        if (!now.enabled) {
            replace(trouble, notice('warn', h('p', null, h('strong', null, 'Disabled'),
                st.detail ? `: ${st.detail}. ` : '. ',
                'It gets no new events; what is pending waits.'),
                h('p', null, button('Enable', async () => {
                    await api.patch(context.path('webhooks', id), { enabled: true });
                    say('Enabled');
                    context.again();
                }, { small: true }))));
            return;
        }

        if (!fails(now)) {
            replace(trouble);
            return;
        }

        // behind the page: it may take a moment
        failing(context, [now], faults).then((found) => {
            const fault = found.get(now.id);

            faults = found;
            if (shown !== what) {
                return;                 // it changed meanwhile
            }
            replace(trouble, notice('bad', h('p', null, sentence(now, fault)),
                fault && h('p', null, h('a', { href: `#/events/${fault.event.message_id}/${fault.event.id}` },
                                        'See the last attempt'))));
        }, () => {});
    };

    show(w);
    context.visit.every(5000, async () =>
        show(await api.get(context.path('webhooks', id), { signal: context.signal })));

    return [
        head(data(label(w)), { back: ['Webhooks', '#/webhooks'], badge: how,
            sub: copyable(w.url, 'URL'),
            actions: [link('Edit', `#/webhooks/${id}/edit`, { icon: 'edit' }), test.button] }),
        test.box, trouble,
        tabs('Webhook', [['overview', 'Overview', `#/webhooks/${id}`],
                         ['events', 'Events', `#/events?webhook=${id}`],
                         ['verify', 'Verify', `#/webhooks/${id}/verify`],
                         ['settings', 'Settings', `#/webhooks/${id}/settings`]], tab),
        await content(w),
    ];
}
