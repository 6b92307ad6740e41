/*
 * Adding a webhook, and changing one.
 */

import { h, replace, say } from '../dom.js';
import * as api from '../api.js';
import { go } from '../router.js';
import { button, busy, check, copyable, dialog, field, fieldError, head, notice, toast } from '../ui.js';
import { icon } from '../icons.js';
import { picker } from '../event-picker.js';
import { example } from '../event-example.js';
import { check as checkUrl } from '../url-rules.js';
import { label } from './webhooks.js';


function rules(input) {
    const list = h('ul.rules', { 'aria-label': 'Rules for the URL' });

    const draw = () => {
        replace(list, checkUrl(input.value.trim()).map((r) =>
            h('li', { class: r.ok === null ? 'open' : r.ok ? 'good' : 'bad' },
              icon(r.ok === null ? 'dash' : r.ok ? 'check' : 'cross'), r.text,
              h('span.hidden-text', null, r.ok === null ? '' : r.ok ? ': yes' : ': no'))));
    };

    input.addEventListener('input', draw);
    draw();

    return list;
}


/* Rows of a name and a value; a value that is kept shows as stars. */

function headers(given) {
    const rows = h('div.pairs');

    const add = (name = '', kept = false) => {
        const row = h('div.pair', null,
            h('input', { type: 'text', 'aria-label': 'Header name', placeholder: 'X-Api-Key', value: name,
                         autocomplete: 'off', spellcheck: 'false', maxlength: 256, readonly: kept }),
            h('input', { type: kept ? 'password' : 'text', 'aria-label': 'Header value', autocomplete: 'off',
                         placeholder: kept ? 'as it is' : 'value', spellcheck: 'false', maxlength: 4096 }),
            button('', () => {
                const next = row.nextElementSibling || row.previousElementSibling;

                row.remove();
                (next?.querySelector('input') || more).focus();
            }, { icon: 'cross', label: `Remove header ${name}`, kind: 'quiet' }));

        row.dataset.kept = kept ? name : '';
        rows.appendChild(row);
        return row;
    };

    const more = button('Add a header', () => add().querySelector('input').focus(), { small: true, icon: 'plus' });

    Object.keys(given || {}).forEach((name) => add(name, true));

    return {
        element: h('div.field', { dataset: { pointer: '/headers' } },
            h('span.label', null, 'Headers of your own', h('span.optional', null, 'optional')), rows, more,
            h('p.hint', null, 'Sent with each delivery, such as a key for your gateway. They are stored encrypted.'),
            h('p.error')),

        /* What cannot be sent as it stands. */
        wrong() {
            const names = new Set();

            for (const row of rows.children) {
                const [name, value] = [...row.querySelectorAll('input')].map((input) => input.value.trim());

                if (!name && value) {
                    return 'Give this header a name.';
                }

                if (name && names.has(name.toLowerCase())) {
                    return `“${name}” is there twice.`;
                }

                names.add(name.toLowerCase());
            }

            return '';
        },

        /* What has changed, as a merge patch; the case of a name makes no other. */
        value() {
            const out = {};
            const there = new Set();

            for (const row of rows.children) {
                const [name, value] = row.querySelectorAll('input');

                there.add(name.value.trim().toLowerCase());

                if (name.value.trim() && (value.value || !row.dataset.kept)) {
                    out[name.value.trim()] = value.value;
                }
            }

            for (const name of Object.keys(given || {})) {
                if (!there.has(name.toLowerCase())) {
                    out[name] = null;
                }
            }

            return Object.keys(out).length ? out : undefined;
        },
    };
}


/* How the deliveries are made: what is empty is as the server says. */

function rulesOf(w) {
    const text = (value, attributes) => h('input', { type: 'text', autocomplete: 'off', spellcheck: 'false',
                                                     value: value ?? '', ...attributes });
    const ordered = check('In order', { checked: w?.ordered,
        hint: 'One event after the other: the next is sent when the one before is delivered or has failed.' });
    const concurrency = h('input', { type: 'number', min: 1, max: 1000, value: w?.concurrency ?? '' });
    const rate = text(w?.rate_limit, { placeholder: '10/s' });
    const delays = text(w?.retry_delays && (w.retry_delays.join(' ') || 'none'), { placeholder: '1m 2m 4m 8m 16m' });
    const own = headers(w?.headers);

    return {
        element: h('details.more-options', null, h('summary', null, icon('right'), 'Delivery options'),
            h('div.options', null,
                h('div.two', null,
                  field('Requests at once', concurrency, { optional: true, pointer: '/concurrency',
                      hint: 'At most; empty: the provider’s default.' }),
                  field('Rate limit', rate, { optional: true, pointer: '/rate_limit',
                      hint: 'Such as 10/s, 100/m or 1000/h.' })),
                field('Retries after', delays, { optional: true, pointer: '/retry_delays',
                    hint: 'The delays from one attempt to the next; “none” is no retries; empty: the provider’s default.' }),
                ordered.row, own.element)),

        /* Says at a field what is wrong there; returns its input, or null. */
        wrong() {
            const found = concurrency.validity.badInput
                ? [concurrency.closest('.field'), 'Type a number, or nothing.'] : own.wrong() && [own.element, own.wrong()];

            if (!found) {
                return null;
            }

            fieldError(...found);
            found[0].closest('details').setAttribute('open', '');
            say(found[1]);

            return found[0].querySelector('input');
        },

        value() {
            const list = delays.value.trim();

            return {
                concurrency: concurrency.value === '' ? null : Number(concurrency.value),
                rate_limit: rate.value.trim() || null,
                retry_delays: list === '' ? null : list === 'none' ? [] : list.split(/[\s,]+/),
                ordered: ordered.input.checked,
                headers: own.value(),
            };
        },
    };
}


/* Errors of the server at the fields that they are about. */

function place(form, err) {
    let first = null;
    const left = [];

    for (const e of err.errors) {
        const name = `/${e.pointer.split('/')[1] || ''}`;
        const box = form.querySelector(`[data-pointer="${CSS.escape(name)}"]`);
        const input = box?.querySelector('input,textarea');

        if (!box || !box.querySelector('.error')) {
            left.push(`${e.pointer}: ${e.detail}`);
            continue;
        }

        fieldError(box, e.detail);
        box.closest('details')?.setAttribute('open', '');
        first = first || input;
    }

    if (left.length || err.errors.length === 0) {
        toast(left.join('. ') || err.message, 'bad');
    }

    first?.focus();
    say(err.errors[0]?.detail || err.message);
}


/* Others may have changed the rest meanwhile. */

function changes(before, now) {
    return Object.fromEntries(Object.entries(now)
        .filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(before[name])));
}


function form(context, types, w) {
    const url = h('input', { type: 'url', value: w?.url ?? '', required: true, autocomplete: 'off',
                             spellcheck: 'false', maxlength: 2048, placeholder: 'https://hooks.example.com/security',
                             'data-focus': w ? null : true });
    const description = h('input', { type: 'text', value: w?.description ?? '', maxlength: 256,
                                     placeholder: 'SIEM, ticket system …' });
    const arrives = example(types);
    const pick = picker(types, w?.events || [], () => arrives.show(url.value.trim(), pick.value()));
    const options = rulesOf(w);
    const events = h('div.field', { dataset: { pointer: '/events' } }, pick.element, h('p.error', { role: 'alert' }));
    const b = button(w ? 'Save' : 'Add webhook', null, { kind: 'primary', submit: true });
    const value = () => ({ url: url.value.trim(), description: description.value.trim(), events: pick.value(),
                           ...options.value() });
    const given = value();

    const submit = (e) => {
        e.preventDefault();

        return busy(b, async () => {
            f.querySelectorAll('.field[data-pointer]').forEach((box) => box.querySelector('.error')
                                                                        && fieldError(box, ''));

            if (pick.pending()) {
                pick.add();
                if (pick.pending()) {
                    return;
                }
            }

            const wrong = options.wrong();

            if (wrong) {
                wrong.focus();
                return;
            }

            const body = value();

            if (!body.url) {
                fieldError(url.closest('.field'), 'Say where to send the events to.');
                url.focus();
                return;
            }

            if (body.events.length === 0) {
                replace(events.lastChild, icon('bang'), 'Choose at least one event type, or “*” for all.');
                events.scrollIntoView({ block: 'center' });
                events.querySelector('input')?.focus();
                return;
            }

            try {
                if (w) {
                    const changed = changes(given, body);

                    if (Object.keys(changed).length) {
                        await api.patch(context.path('webhooks', w.id), changed);
                    }

                    toast('Saved');
                    go(`/webhooks/${w.id}`);
                } else {
                    await made(await api.post(context.path('webhooks'), body));
                }
            } catch (err) {
                if (err.status !== 422) {
                    throw err;
                }
                place(f, err);
            }
        });
    };

    const f = h('form.form', { onsubmit: submit, novalidate: true },
        h('section', null, h('h2', null, 'Where to'),
          field('URL', url, { pointer: '/url' }), rules(url),
          field('Name', description, { optional: true, pointer: '/description',
              hint: 'What you call it here.' })),
        h('section', null, h('h2', null, 'Which events'), events),
        arrives.element,
        h('section', null, options.element),
        h('div.form-foot', null, b, h('a.button.plain', { href: w ? `#/webhooks/${w.id}` : '#/webhooks' }, 'Cancel')));

    url.addEventListener('input', () => arrives.show(url.value.trim(), pick.value()));
    arrives.show(url.value.trim(), pick.value());

    return f;
}


async function made(w) {
    await dialog('The webhook is ready', (close) => [
        h('div.dialog-body', null,
          h('p', null, 'Its secret signs each delivery. Your endpoint needs it to tell genuine requests from others. '
            + 'You find it in the webhook’s settings again.'),
          copyable(w.secret, 'secret')),
        h('div.dialog-foot', null,
          h('a.button.plain', { href: `#/webhooks/${w.id}/verify` }, 'How to verify'),
          h('a.button.primary', { href: `#/webhooks/${w.id}`, 'data-first': true }, 'Go to the webhook')),
    ]);

    if (/^#\/webhooks\/new/.test(location.hash)) {
        go(`/webhooks/${w.id}`);
    }
}


function catalogue(signal) {
    return api.all('event-types', { signal }).catch((e) => {
        if (e.status === 404 || e.status === 403) {
            return [];
        }
        throw e;
    });
}


export async function addWebhook(context) {
    const types = await catalogue(context.signal);

    return [head('Add webhook', { back: ['Webhooks', '#/webhooks'] }), form(context, types, null)];
}


export async function editWebhook(context, id) {
    const [types, w] = await Promise.all([
        catalogue(context.signal), api.get(context.path('webhooks', id), { signal: context.signal })]);

    return [head('Edit webhook', { back: [label(w), `#/webhooks/${id}`] }),
            w.disabled_reason && notice('warn', h('p', null, 'This webhook is disabled. Saving does not enable it.')),
            form(context, types, w)];
}
