/*
 * A company without access: what webhooks are, and how to ask for them.
 */

import { h, replace, say } from '../dom.js';
import * as api from '../api.js';
import { field, button, busy, head } from '../ui.js';
import { icon } from '../icons.js';
import * as live from '../live.js';


function points() {
    return h('ul.points', null, [
        ['send', 'As it happens', 'An HTTPS POST with a JSON body to your own system: no polling, nothing to fetch.'],
        ['shield', 'Signed', 'Each request carries an HMAC-SHA256 of its body, made with a secret that only you have.'],
        ['retry', 'Delivered', 'What fails is tried again, for half an hour or longer; you can replay what you missed.'],
        ['eye', 'In the open', 'Here you see each attempt: what was sent, what your endpoint answered, and how fast.'],
    ].map(([sign, title, text]) => h('li', null, icon(sign), h('div', null, h('h2', null, title), h('p', null, text)))));
}


export async function access(context) {
    const { company, path, signal } = context;
    const list = await api.get(path('access-requests'), { signal, query: { limit: 1 } });
    const box = h('div.ask.card', { 'aria-live': 'polite' });
    const open = list.data.find((r) => r.status === 'open');

    const asked = (request) => replace(box, icon('clock'), h('div', null,
        h('h2', { tabindex: '-1' }, 'Access is requested'),
        h('p', null, 'You asked ', live.since(request.created_at),
          '. This page opens by itself when an operator has enabled webhooks for you.'),
        request.message && h('blockquote', null, request.message),
        button(request.message ? 'Change the message' : 'Add a message', () => {
            ask(request.message || '');
            box.querySelector('textarea').focus();
        }, { small: true })));

    const ask = (before = null) => {
        const message = h('textarea', { rows: 3, maxlength: 1000, value: before || '', required: before !== null });
        const b = button(before === null ? 'Request access' : 'Send', null, { kind: 'primary', submit: true });

        replace(box, h('form', { onsubmit: (e) => {
            e.preventDefault();
            return busy(b, async () => {
                const text = message.value.trim();

                asked(await api.post(path('access-requests'), text ? { message: text } : {}));
                box.querySelector('h2').focus();        // the button is gone
                say('Access is requested');
            });
        } }, h('h2', null, 'Webhooks are not enabled for you yet'),
            field('Message to the operator', message, { optional: before === null,
                hint: 'What you want to use webhooks for, for example.' }),
            h('div.form-foot', null, b,
              company.support_url && h('a', { href: company.support_url, rel: 'noopener noreferrer',
                                              target: '_blank' }, 'Contact support'))));
    };

    if (open) {
        asked(open);
    } else {
        ask();
    }

    context.visit.every(5000, async () => {
        if ((await api.get(path(), { signal })).enabled) {
            context.changed();
        }
    });

    return [head('Events, sent to your systems', { sub:
        'Webhooks tell your SIEM, your ticket system or your own code what happens, the moment it happens.' }),
        h('div.access', null, points(), box)];
}
