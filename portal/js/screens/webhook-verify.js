/*
 * How to verify deliveries: code for this webhook, and a check of one delivery
 * with its secret, in the browser.
 */

import { h, replace } from '../dom.js';
import * as api from '../api.js';
import { note } from '../router.js';
import { button, busy, copyButton, field, fieldError, notice } from '../ui.js';
import { languages, code } from '../verify-code.js';
import { webhookPage } from './webhook-head.js';


/* The tabs of the languages: arrows go from one to the next. */

function samples(context, w) {
    const pre = h('pre.code', { tabindex: '0', id: 'sample', role: 'tabpanel' });
    const file = h('span.quiet');
    let now = languages[context.query.get('in')] ? context.query.get('in') : Object.keys(languages)[0];

    const tabs = Object.entries(languages).map(([key, l]) => h('button', { type: 'button', role: 'tab',
        id: `tab-${key}`, 'aria-controls': 'sample', onclick: () => choose(key) }, l.name));

    const choose = (key) => {
        now = key;
        note(new URLSearchParams({ in: key }));
        tabs.forEach((t) => {
            const here = t.id === `tab-${key}`;

            t.setAttribute('aria-selected', String(here));
            t.tabIndex = here ? 0 : -1;
        });
        replace(pre, code(key, w));
        pre.setAttribute('aria-labelledby', `tab-${key}`);
        replace(file, languages[key].note);
    };

    const bar = h('div.languages', { role: 'tablist', 'aria-label': 'Language', onkeydown: (e) => {
        const step = { ArrowRight: 1, ArrowLeft: -1 }[e.key];

        if (step) {
            const next = tabs[(tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length];

            choose(next.id.slice(4));
            next.focus();
            e.preventDefault();
        }
    } }, tabs);

    choose(now);

    return h('section.card.samples', { 'aria-labelledby': 'code' }, h('h2', { id: 'code' }, 'In your code'),
        h('ol.plain-steps', null,
          h('li', null, 'Take the body as it came, byte for byte, before anything parses it.'),
          h('li', null, 'Compare X-Signature with its HMAC-SHA256, in constant time. The key is the whole secret.'),
          h('li', null, 'Refuse what is older than five minutes; answer 2xx, then do the work.')),
        bar, h('div.code-box', null, pre, copyButton(() => code(now, w), 'code')), file);
}


async function hmac(secret, body) {
    const bytes = new TextEncoder();
    const key = await crypto.subtle.importKey('raw', bytes.encode(secret), { name: 'HMAC', hash: 'SHA-256' },
                                              false, ['sign']);
    const mac = await crypto.subtle.sign('HMAC', key, bytes.encode(body));

    return [...new Uint8Array(mac)].map((b) => b.toString(16).padStart(2, '0')).join('');
}


/* What is wrong with a delivery, or null. */

function age(body) {
    let at;

    try {
        at = JSON.parse(body).timestamp;
    } catch (e) {
        return 'The body is no JSON: it was cut or changed.';
    }

    const seconds = Math.round(Math.abs(Date.now() / 1000 - at));

    return seconds > 300 ? `It is ${Math.round(seconds / 60)} minutes old: an endpoint refuses it as a replay.` : null;
}


function checker(context, w) {
    const body = h('textarea', { rows: 4, spellcheck: 'false',
                                 placeholder: '{"event":"…","payload":{…},"timestamp":…}' });
    const given = h('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', maxlength: 100 });
    const bodyField = field('Body', body, { hint: 'Exactly as it came.' });
    const givenField = field('X-Signature', given);
    const result = h('div', { role: 'status', 'aria-live': 'polite' });
    const b = button('Check', null, { submit: true, kind: 'primary' });

    const check = async () => {
        fieldError(bodyField, body.value === '' ? 'Paste a body first.' : '');
        fieldError(givenField, /^[0-9a-f]{64}$/i.test(given.value.trim()) ? ''
                               : 'A signature is 64 hexadecimal digits.');

        const wrong = [bodyField, givenField].find((f) => f.querySelector('[aria-invalid]'));

        replace(result);

        if (wrong) {
            wrong.querySelector('input,textarea').focus();
            return;
        }

        const { secret } = await api.get(context.path('webhooks', w.id, 'secret'), { signal: context.signal });
        const want = given.value.trim().toLowerCase();

        // a copy often has one more line feed at its end
        for (const text of [body.value, body.value.replace(/\n$/, '')]) {
            if (await hmac(secret, text) === want) {
                const old = age(text);

                replace(result, notice('good', h('p', null, h('strong', null, 'Genuine. '),
                    'The signature is that of this body, made with this webhook’s secret.'), old && h('p', null, old)));
                return;
            }
        }

        replace(result, notice('bad', h('p', null, h('strong', null, 'Not genuine. '),
            'Was the body parsed and written again, or is it a delivery of another webhook or an older secret?')));
    };

    if (!globalThis.crypto?.subtle) {
        return h('section.card', null, h('h2', null, 'Check a delivery'),
            h('p.quiet', null, 'The browser can compute signatures only where the portal is opened by HTTPS.'));
    }

    return h('section.card', { 'aria-labelledby': 'check' }, h('h2', { id: 'check' }, 'Check a delivery'),
        h('p.quiet', null, 'Paste what your endpoint received. It stays in this browser.'),
        h('form', { novalidate: true, onsubmit: (e) => { e.preventDefault(); return busy(b, check); } },
          bodyField, givenField, h('div.form-foot', null, b)), result);
}


function headersList() {
    return h('section.card', { 'aria-labelledby': 'headers' }, h('h2', { id: 'headers' }, 'What arrives'),
        h('dl.pairs-list.long', null, [
            ['X-Signature', 'HMAC-SHA256 of the body, in hexadecimal digits'],
            ['X-Signature-Previous', 'the same with the secret of before, after a refresh with a grace time'],
            ['X-Timestamp', 'seconds since 1970, the same as “timestamp” in the body'],
            ['X-Webhook-Event-Id', 'the same on each retry: keep it, and skip what you have done already'],
            ['webhook-id, -timestamp, -signature', 'Standard Webhooks 1.0, for its libraries'],
        ].map(([name, text]) => h('div', null, h('dt', null, h('code', null, name)), h('dd', null, text)))));
}


export function verify(context, id) {
    return webhookPage(context, id, 'verify', (w) =>
        h('div.stack', null, samples(context, w), checker(context, w), headersList()));
}
