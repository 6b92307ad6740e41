/*
 * An attempt: how it went, where its time went, what was sent and answered.
 */

import { h, s, data } from './dom.js';
import { copyButton, badge } from './ui.js';
import { icon } from './icons.js';
import { full, ms, when } from './format.js';
import { attempt as words } from './words.js';
import { coloured } from './json.js';
import { body as signedBody, curl } from './curl.js';

const SHOWN = 20000;


/* Times since the start become the lengths of phases. */

function phases(t) {
    const marks = [['name', t.name_lookup_ms], ['connect', t.connect_ms], ['TLS', t.tls_ms],
                   ['wait', t.first_byte_ms], ['receive', t.total_ms]];
    let at = 0;

    return marks.map(([name, end]) => {
        const from = at;

        at = Math.max(at, end || 0);
        return { name, from, length: at - from };
    });
}


function timing(a) {
    const t = a.timings;

    if (!t || !t.total_ms) {
        return null;
    }

    const list = phases(t).filter((p) => p.length > 0);
    const share = (n) => `${(100 * n / t.total_ms).toFixed(2)}%`;

    return h('div.timing', null,
        s('svg', { width: '100%', height: 10, role: 'img',
                   'aria-label': `Time: ${list.map((p) => `${p.name} ${ms(p.length)}`).join(', ')}` },
          list.map((p) => s('rect', { class: `phase ph-${p.name.toLowerCase()}`, x: share(p.from), width: share(p.length),
                                      height: 10 }))),
        h('ul', { 'aria-hidden': 'true' }, list.map((p) => h('li', { class: `ph-${p.name.toLowerCase()}` }, p.name, ' ',
            h('b', null, ms(p.length))))));
}


function headers(list) {
    return h('dl.headers', null, Object.entries(list || {}).map(([name, value]) =>
        h('div', null, h('dt', null, data(name)), h('dd', null, data(value)))));
}


function text(body, name) {
    return h('pre.code', { tabindex: '0', role: 'group', 'aria-label': name },
             coloured(body.slice(0, SHOWN)), body.length > SHOWN && h('span.quiet', null, '\n…'));
}


function timestamp(a) {
    return Object.entries(a.request.headers).find(([n]) => n.toLowerCase() === 'x-timestamp')?.[1] ?? '';
}


function request(e, payload, a) {
    const body = payload === null ? null : signedBody(e.event, payload, timestamp(a));

    return h('section.side', null, h('h3', null, 'Request',
        body !== null && copyButton(() => body, 'request body')),
        h('p.first-line', null, h('b', null, a.request.method), ' ', data(a.request.url)),
        headers(a.request.headers),
        body === null ? h('p.quiet', null, 'The payload is not kept any more.') : text(body, 'Request body'));
}


function response(a) {
    const r = a.response;

    if (!r) {
        return h('section.side', null, h('h3', null, 'Response'),
            h('p.quiet', null, 'No answer came.'), a.error_detail && h('p', null, data(a.error_detail)));
    }

    return h('section.side', null, h('h3', null, 'Response', r.body && copyButton(() => r.body, 'response body')),
        h('p.first-line', null, data((r.head || '').split('\r\n')[0] || String(a.status_code))),
        headers(r.headers),
        r.body ? text(r.body, 'Response body') : h('p.quiet', null, 'An empty body.'),
        r.truncated && h('p.quiet', null, 'The rest of it is not kept.'));
}


export function attemptCard(e, payload, a, open) {
    const good = !a.error;
    const [title, hint] = words(a);

    return h('details.attempt', { open, dataset: { id: a.id } },
        h('summary', null, icon('right'), h('span.attempt-n', null, `#${a.number}`),
          badge(good ? 'delivered' : 'failed', a.status_code ?? 'no answer', good ? 'check' : 'cross'),
          h('span.attempt-title', null, good ? null : title),
          h('span.quiet.attempt-time', null, ms(a.timings?.total_ms ?? a.duration_ms), ' · ',
            h('time', { datetime: a.started_at, title: full(a.started_at) }, when(a.started_at)))),
        h('div.attempt-body', null,
          !good && h('p.attempt-why', null, hint && h('span', null, hint, ' '),
                     a.error_detail && a.error !== 'http_status' && h('span.quiet', null, data(a.error_detail))),
          h('div.attempt-tools', null, timing(a),
            h('div.actions', null, a.peer && h('span.quiet', null, 'to ', h('code', null, data(a.peer))),
              copyButton(() => curl(e.event, payload, a), 'curl command', { text: 'Copy as curl', kind: 'plain' }))),
          h('div.sides', null, request(e, payload, a), response(a))));
}
