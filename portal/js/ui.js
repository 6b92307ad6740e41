/*
 * The parts that screens are made of.
 */

import { h, add, atFront, replace, say, unique, data } from './dom.js';
import { icon } from './icons.js';
import { statuses } from './words.js';


/* options: kind (primary, danger, quiet), icon, label (for an icon alone). */

export function button(text, f, options = {}) {
    const b = h('button.button', {
        type: options.submit ? 'submit' : 'button',
        class: [options.kind || 'plain', options.small && 'small', !text && 'bare'],
        'aria-label': text ? null : options.label, title: text ? null : options.label,
    }, options.icon && icon(options.icon), text);

    if (f) {
        b.addEventListener('click', () => busy(b, f));
    }

    return b;
}


/* While f works the button shows it, and works no second time. */

export async function busy(b, f) {
    if (b.getAttribute('aria-busy') === 'true') {
        return;
    }

    b.setAttribute('aria-busy', 'true');

    try {
        await f(b);
    } catch (e) {
        if (e.name !== 'AbortError') {
            if (e.status === undefined) {
                throw e;
            }

            toast(e.message, 'bad');
        }
    } finally {
        b.removeAttribute('aria-busy');
    }
}


export function link(text, href, options = {}) {
    return h('a.button', { href, class: [options.kind || 'plain', options.small && 'small'] },
             options.icon && icon(options.icon), text);
}


const signs = { delivered: 'check', failed: 'cross', pending: 'clock', cancelled: 'dash' };

export function badge(kind, word, sign) {
    return h('span.badge', { class: kind }, sign && icon(sign), word);
}


export function status(code, word) {
    return badge(code, word || statuses[code] || code, signs[code] || 'dash');
}


/* Says something at the edge for some time; errors stay until they are closed. */

export function toast(text, kind = 'good') {
    const box = atFront('toasts');
    const t = h('div.toast', { class: kind, role: kind === 'bad' ? 'alert' : 'status' },
                icon(kind === 'bad' ? 'bang' : 'check'), h('p', null, text),
                button('', () => t.remove(), { icon: 'cross', label: 'Close', kind: 'quiet', small: true }));

    while (box.children.length > 2) {
        box.firstChild.remove();
    }

    box.appendChild(t);

    if (kind !== 'bad') {
        setTimeout(() => t.remove(), 6000);
    }
}


async function copyText(text) {
    try {
        await navigator.clipboard.writeText(text);
        return true;
    } catch (e) {
        // no clipboard outside of HTTPS: the old way
    }

    const area = h('textarea.off-page', { readonly: true, 'aria-hidden': 'true', tabindex: '-1' });

    const before = document.activeElement;

    area.value = text;
    (document.querySelector('dialog[open]') || document.body).appendChild(area);
    area.select();

    const done = document.execCommand('copy');

    area.remove();
    before?.focus({ preventScroll: true });
    return done;
}


/* Copies what get() gives, which may be awaited. */

export function copyButton(get, what, options = {}) {
    const b = button(options.text || '', async () => {
        const done = await copyText(String(await get()));

        if (!done) {
            toast('The browser did not allow to copy.', 'bad');
            return;
        }

        b.querySelector('svg').replaceWith(icon('check'));
        say(`${what} copied`);
        setTimeout(() => b.querySelector('svg')?.replaceWith(icon('copy')), 1600);
    }, { icon: 'copy', label: `Copy ${what}`, kind: options.kind || 'quiet', small: true });

    b.dataset.copy = what;
    return b;
}


/* Text that is copied often, with its button. */

export function copyable(text, what) {
    return h('span.copyable', null, h('code', null, data(text)), copyButton(() => text, what));
}


/* One of some: { value: text }. */

export function segmented(label, choices, value, f) {
    const name = unique('choice');

    return h('fieldset.segmented', null, h('legend.hidden-text', null, label),
        Object.entries(choices).map(([v, text]) => h('label', null,
            h('input', { type: 'radio', name, value: v, checked: v === value,
                         onchange: () => f(v) }),
            h('span', null, text))));
}


export function field(label, input, options = {}) {
    const id = input.id || unique('field');
    const hint = options.hint && h('p.hint', { id: `${id}-hint` }, options.hint);
    const error = h('p.error', { id: `${id}-error` });

    input.id = id;
    input.setAttribute('aria-describedby', [hint && hint.id, error.id].filter(Boolean).join(' '));

    return h('div.field', { dataset: { pointer: options.pointer || '' } },
             h('label', { for: id }, label, options.optional && h('span.optional', null, 'optional')),
             input, hint, error);
}


/* Shows an error at its field, or takes it away. */

export function fieldError(box, text) {
    const input = box.querySelector('input,select,textarea');

    replace(box.querySelector('.error'), text ? [icon('bang'), text] : []);

    if (input) {
        input.toggleAttribute('aria-invalid', false);
        if (text) {
            input.setAttribute('aria-invalid', 'true');
        }
    }
}


export function check(label, options = {}) {
    const input = h('input', { type: 'checkbox', checked: !!options.checked,
                               onchange: options.onchange });
    const row = h('label.check', null, input, h('span', null, label,
                  options.hint && h('span.hint', null, options.hint)));

    return { row, input };
}


export function empty(title, text, ...actions) {
    return h('div.empty', null, icon('inbox'), h('h2', null, title), h('p', null, text),
             actions.length > 0 && h('div.actions', null, actions));
}


export function notice(kind, ...children) {
    return h('div.notice', { class: kind, role: kind === 'bad' ? 'alert' : null },
             icon(kind === 'good' ? 'check' : 'bang'), h('div', null, children));
}


export function skeleton(rows = 4) {
    return h('div.skeleton', { role: 'status', 'aria-label': 'Loading' },
             Array.from({ length: rows }, () => h('div')));
}


export function progress(label) {
    const bar = h('progress', { 'aria-label': label, max: 1 });

    return { element: bar, set(done, of) {
        if (of === null) {
            bar.removeAttribute('value');
        } else {
            bar.max = Math.max(of, 1);
            bar.value = done;
        }
    } };
}


/*
 * A modal dialog.  make(close) gives what is in it; the promise gives what
 * close() was called with, null where it was left otherwise.
 */

export function dialog(title, make, options = {}) {
    return new Promise((resolve) => {
        const id = unique('dialog');
        let result = null;

        const close = (value) => {
            result = value ?? null;
            d.close();
        };

        const d = h('dialog', { 'aria-labelledby': id, class: options.wide && 'wide' },
            h('div.dialog-head', null, h('h2', { id }, title),
              button('', () => close(null), { icon: 'cross', label: 'Close', kind: 'quiet', small: true })));

        add(d, make(close));

        const gone = () => close(null);

        d.addEventListener('close', () => {
            removeEventListener('hashchange', gone);
            ['said', 'toasts'].forEach(atFront);
            d.remove();
            resolve(result);
        });

        addEventListener('hashchange', gone);
        document.body.appendChild(d);
        d.showModal();
        d.querySelector('[data-first]')?.focus();
    });
}


/* Asks; true if the answer is yes. */

export async function confirm(title, text, yes, options = {}) {
    return await dialog(title, (close) => [
        h('div.dialog-body', null, [text].flat().map((t) => t instanceof Node ? t : h('p', null, t))),
        h('div.dialog-foot', null,
          button('Cancel', () => close(false)),
          button(yes, () => close(true), { kind: options.kind || 'primary' })),
    ]) === true;
}


/* The head of a screen; its h1 gets the focus when the screen is shown. */

export function head(title, options = {}) {
    return h('div.head', null,
        options.back && h('a.back', { href: options.back[1] }, icon('right'), options.back[0]),
        h('div.head-row', null,
          h('div.head-title', null, h('h1', { tabindex: '-1' }, title), options.badge),
          options.actions && h('div.actions', null, options.actions)),
        options.sub && h('div.sub', null, options.sub));
}


export function tabs(label, items, current) {
    return h('nav.tabs', { 'aria-label': label },
        items.map(([name, text, href]) =>
            h('a', { href, 'aria-current': name === current ? 'page' : null }, text)));
}
