/*
 * A webhook's settings: its secret, its details, the way to its end.
 */

import { h, replace, data, say } from '../dom.js';
import * as api from '../api.js';
import { go } from '../router.js';
import { button, confirm, copyable, copyButton, dialog, field, link, notice, toast } from '../ui.js';
import { full } from '../format.js';
import * as live from '../live.js';
import { webhookPage } from './webhook-head.js';
import { label } from './webhooks.js';

const graces = { '': 'none: the old secret ends at once', '1h': '1 hour', '24h': '24 hours', '7d': '7 days' };


/* Asks for a grace time; its value, or null. */

function askRefresh(again) {
    const grace = h('select', null, Object.entries(graces).map(([v, text]) =>
        h('option', { value: v, selected: v === '24h' }, text)));

    return dialog('Refresh the secret?', (close) => [
        h('div.dialog-body', null,
          h('p', null, 'The webhook gets a new secret. From then on, every delivery is signed with it.'),
          again && notice('warn', h('p', null, 'The secret before this one is good still. It ends now: two sign at a '
              + 'time. Does your endpoint know this one already?')),
          field('The old one goes on beside it for', grace, { hint:
              'In this time each request carries a second signature, X-Signature-Previous, made with the old secret. '
              + 'If somebody else may know the old one, choose none.' })),
        h('div.dialog-foot', null, button('Cancel', () => close(null)),
          button('Refresh', () => close(grace.value), { kind: 'danger' })),
    ]);
}


/*
 * The secret is asked for when it is shown or copied, and kept no longer than it
 * is shown.
 */

function secret(context, w) {
    const path = context.path('webhooks', w.id, 'secret');
    const shown = h('code.secret', { 'aria-live': 'polite' });
    const until = h('div');
    let value = null;

    const get = async () => {
        const s = await api.get(path, { signal: context.signal });

        previous(s);
        return s.secret;
    };

    const previous = (s) => replace(until, s.previous_until && Date.parse(s.previous_until) > Date.now()
        && notice('warn', h('p', null, 'The old secret signs too, for ', live.until(s.previous_until), '.')));

    const draw = () => {
        replace(shown, value === null ? 'whsec_' + '•'.repeat(24) : data(value));
        shown.setAttribute('aria-label', value === null ? 'Secret, hidden' : 'Secret');
        replace(toggle, value === null ? 'Show' : 'Hide');
    };

    const toggle = button('Show', async () => {
        value = value === null ? await get() : null;
        draw();
        say(value === null ? 'The secret is hidden' : 'The secret is shown');
    }, { small: true });

    const refresh = button('Refresh', async () => {
        await get();                    // whether the one before is good still

        const grace = await askRefresh(until.firstChild !== null);

        if (grace === null) {
            return;
        }

        const s = await api.post(context.path('webhooks', w.id, 'secret', 'rotate'), grace ? { grace } : {});

        value = s.secret;
        previous(s);
        draw();
        toast('The webhook has a new secret. Give it to your endpoint.');
    }, { small: true, icon: 'retry' });

    draw();

    return h('section.card', { 'aria-labelledby': 'secret' }, h('h2', { id: 'secret' }, 'Secret'),
        h('p.quiet', null, 'It signs each delivery: with it your endpoint tells genuine requests from others.'),
        h('div.secret-row', null, shown, toggle, copyButton(() => value ?? get(), 'secret', { text: 'Copy', kind: 'plain' }), refresh),
        until,
        h('p', null, h('a', { href: `#/webhooks/${w.id}/verify` }, 'How to verify a delivery')));
}


const DEFAULT = 'the provider’s default';


function details(w) {
    const list = [
        ['Id', copyable(w.id, 'id')],
        ['URL', copyable(w.url, 'URL')],
        ['Name', w.description ? data(w.description) : 'none'],
        ['Events', h('div.tags', null, w.events.map((e) => h('code.tag', null, e)))],
        ['Requests at once', w.concurrency === null ? DEFAULT : `${w.concurrency} at most`],
        ['Rate limit', w.rate_limit ?? 'none'],
        ['Retries', w.retry_delays === null ? DEFAULT
                    : w.retry_delays.length ? `after ${w.retry_delays.join(', ')}` : 'none'],
        ['Order', w.ordered ? 'in order, one event after the other' : 'none: events are sent side by side'],
        ['Headers of your own', Object.keys(w.headers || {}).length
                    ? h('div.tags', null, Object.keys(w.headers).map((n) => h('code.tag', null, data(n)))) : 'none'],
        ['Added', full(w.created_at)],
        ['Changed', full(w.updated_at)],
    ];

    return h('section.card', { 'aria-labelledby': 'details' },
        h('div.section-head', null, h('h2', { id: 'details' }, 'Details'),
          link('Edit', `#/webhooks/${w.id}/edit`, { small: true, icon: 'edit' })),
        h('dl.pairs-list', null, list.map(([name, value]) => h('div', null, h('dt', null, name), h('dd', null, value)))));
}


function danger(context, w) {
    const path = context.path('webhooks', w.id);

    const disable = button('Disable', async () => {
        if (await confirm('Disable this webhook?',
            'It gets no new events: what happens meanwhile is not sent later, but can be replayed. '
            + 'What is pending waits until you enable it.', 'Disable'))
        {
            await api.patch(path, { enabled: false });
            toast('The webhook is disabled');
            context.again();
        }
    }, { icon: 'pause' });

    const enable = button('Enable', async () => {
        await api.patch(path, { enabled: true });
        toast('The webhook is enabled');
        context.again();
    }, { icon: 'play', kind: 'primary' });

    const remove = button('Delete', async () => {
        if (await confirm(`Delete ${label(w)}?`,
            ['What is pending for it is cancelled. Its secret is gone for good; its log stays until it expires.',
             h('p', null, h('code', null, data(w.url)))], 'Delete', { kind: 'danger' }))
        {
            await api.remove(path);
            toast('The webhook is deleted');
            go('/webhooks');
        }
    }, { icon: 'bin', kind: 'danger' });

    return h('section.card', { 'aria-labelledby': 'end' }, h('h2', { id: 'end' }, w.enabled ? 'Disable or delete' : 'Enable or delete'),
        h('div.stop', null,
          h('div', null, h('h3', null, w.enabled ? 'Disable' : 'Enable'), h('p.quiet', null, w.enabled
            ? 'For a while: it gets no events, and keeps its settings and its secret.' : 'It gets new events again, and what is pending is sent.')),
          w.enabled ? disable : enable),
        h('div.stop', null,
          h('div', null, h('h3', null, 'Delete'), h('p.quiet', null, 'For good: its secret, and what is pending for it.')), remove));
}


export function settings(context, id) {
    return webhookPage(context, id, 'settings', (w) =>
        h('div.stack', null, secret(context, w), details(w), danger(context, w)));
}
