/*
 * What a delivery looks like: the request for the first event type that is
 * chosen, with the example of the catalogue as its payload.
 */

import { h, replace } from './dom.js';
import { takes } from './event-picker.js';
import { coloured } from './json.js';


function target(text) {
    try {
        const u = new URL(text);

        return { host: u.host, path: u.pathname + u.search };
    } catch (e) {
        return { host: 'your.host', path: '/…' };
    }
}


/* { element, show(url, subscriptions) } */

export function example(types) {
    const pre = h('pre.code', { tabindex: '0', role: 'group', 'aria-label': 'Example of a delivery' });
    const words = h('p.quiet');
    let last = null;

    const show = (url, subscriptions) => {
        const chosen = types.filter((t) => subscriptions.some((p) => takes(p, t.name)));
        const has = (t) => t.example !== null && t.example !== undefined;
        const type = chosen.find(has) || chosen[0] || types.find(has) || { name: 'event.name' };
        const { host, path } = target(url);
        const now = Math.floor(Date.now() / 1000);
        const what = JSON.stringify([host, path, type.name]);

        if (what === last) {
            return;
        }

        last = what;
        replace(words, has(type) ? 'For example:' : 'In this form; the payload is what your provider sends with the event.');
        replace(pre, h('b', null, 'POST'), ` ${path}\n`,
            [['Host', host], ['Content-Type', 'application/json'], ['X-Webhook-Event-Id', 'evt_…'], ['X-Timestamp', now],
             ['X-Signature', 'HMAC-SHA256 of the body']].map(([name, value]) =>
                [h('span.quiet', null, `${name}: `), `${value}\n`]),
            '\n', coloured(JSON.stringify({ event: type.name, payload: type.example ?? {}, timestamp: now })));
    };

    return { show, element: h('section.example', { 'aria-labelledby': 'example' },
                              h('h2', { id: 'example' }, 'What arrives'), words, pre) };
}
