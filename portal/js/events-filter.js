/*
 * The filters of the timeline.  They stand in the address, so that a view can
 * be kept, and shared with colleagues.
 */

import { h, unique } from './dom.js';
import { button } from './ui.js';
import { icon } from './icons.js';
import { statuses } from './words.js';

const ranges = { '': 'All time', '1h': 'Last hour', '24h': 'Last 24 hours', '7d': 'Last 7 days',
                 '30d': 'Last 30 days', custom: 'From … to …' };

const NAMES = ['q', 'status', 'event', 'webhook', 'range', 'since', 'until'];


const NAME = /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*$/;     // of an event


/* What an address says, less what no filter can be. */

export function sound(query) {
    const good = { status: (v) => v in statuses, event: (v) => NAME.test(v), webhook: (v) => /^wh_\w+$/.test(v),
                   range: (v) => v in ranges && v !== 'custom', since: (v) => local(v) !== '', until: (v) => local(v) !== '' };

    return new URLSearchParams([...query].filter(([name, v]) => v !== '' && (good[name]?.(v) ?? true)));
}


/* A time of the API in the form of a datetime-local input, and back. */

function local(iso) {
    const d = new Date(iso || NaN);

    if (Number.isNaN(d.getTime())) {
        return '';                      // the address may say anything
    }

    return new Date(d - d.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}


function utc(text) {
    return text ? new Date(text).toISOString() : '';
}


function select(name, label, options, value) {
    return h('select', { name, 'aria-label': label },
        Object.entries(options).map(([v, text]) => h('option', { value: v, selected: v === value }, text)));
}


/* The bar; changed(query) is called with what is chosen. */

export function filterBar(query, hooks, types, changed) {
    const names = unique('names');
    const given = (name) => query.get(name) || '';
    const custom = given('since') || given('until');
    const parts = {
        q: h('input', { type: 'search', name: 'q', value: given('q'), maxlength: 256, autocomplete: 'off',
                        spellcheck: 'false', placeholder: 'Search an id, or text in payloads',
                        'aria-label': 'Search an id, or text in payloads (in its case)' }),
        status: select('status', 'Status', { '': 'Any status', ...statuses }, given('status')),
        event: h('input', { type: 'text', name: 'event', value: given('event'), list: names, maxlength: 128,
                            autocomplete: 'off', spellcheck: 'false', placeholder: 'Any event',
                            'aria-label': 'Event name' }),
        webhook: select('webhook', 'Webhook', { '': 'Any webhook', ...Object.fromEntries(hooks) }, given('webhook')),
        range: select('range', 'Time', ranges, custom ? 'custom' : given('range')),
        since: h('input', { type: 'datetime-local', name: 'since', value: local(given('since')), 'aria-label': 'From' }),
        until: h('input', { type: 'datetime-local', name: 'until', value: local(given('until')), 'aria-label': 'To' }),
    };
    const times = h('span.times-of', { hidden: !custom }, parts.since, '–', parts.until);
    const clear = button('Clear', () => {
        NAMES.forEach((name) => { parts[name].value = ''; });
        apply();
        parts.q.focus();
    }, { kind: 'quiet', small: true });

    // a name that is not there in full yet, or a part of names, is none to look for

    const named = () => {
        const name = parts.event.value.trim();
        const wrong = name !== '' && !NAME.test(name);

        parts.event.toggleAttribute('aria-invalid', false);
        if (wrong) {
            parts.event.setAttribute('aria-invalid', 'true');
        }
        hint.hidden = !wrong;

        return !wrong;
    };

    const read = () => {
        const q = new URLSearchParams();

        for (const name of NAMES) {
            const value = name === 'since' || name === 'until' ? utc(parts[name].value) : parts[name].value.trim();

            if (value && (name !== 'event' || named()) && !(name === 'range' && value === 'custom')
                && !((name === 'since' || name === 'until') && parts.range.value !== 'custom'))
            {
                q.set(name, value);
            }
        }

        return q;
    };

    const hint = h('p.hint', { role: 'status', hidden: true },
        'Events are looked for by a whole name, such as “honeypot.alert”.');
    let applied = null;

    const apply = () => {
        const q = read();

        times.hidden = parts.range.value !== 'custom';
        clear.hidden = q.toString() === '' && parts.range.value !== 'custom' && named();

        if (q.toString() !== applied) {
            applied = q.toString();
            changed(q);
        }
    };

    applied = read().toString();
    clear.hidden = applied === '';

    let typing;

    const form = h('form.filters', { role: 'search', onsubmit: (e) => { e.preventDefault(); apply(); } },
        h('div.search', null, icon('search'), parts.q),
        parts.status, parts.event, h('datalist', { id: names }, types.map((t) => h('option', { value: t.name }))),
        parts.webhook, parts.range, times, clear, hint);

    form.addEventListener('change', apply);
    [parts.q, parts.event].forEach((input) => input.addEventListener('input', () => {
        clearTimeout(typing);
        typing = setTimeout(apply, 400);
    }));

    return form;
}
