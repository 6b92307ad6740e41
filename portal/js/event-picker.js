/*
 * Choosing event types: those of the catalogue as a tree of check boxes, whole
 * groups ("honeypot.*"), everything ("*"), and names that are typed.
 */

import { h, replace, data, unique } from './dom.js';
import { button } from './ui.js';
import { icon } from './icons.js';

const SUBSCRIPTION = /^(\*|[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*(\.\*)?)$/;

// the module's own, which "*" does not take
const OPERATIONAL = [
    ['system.webhook.failing', 'An endpoint fails again and again: deliveries to it are paused.'],
    ['system.webhook.recovered', 'It works again.'],
    ['system.webhook.disabled', 'A webhook was disabled because its endpoint is gone or failed for long.'],
    ['system.event.failed', 'A webhook event has failed for good: no attempt is left.'],
].map(([name, description]) => ({ name, description }));


/* Whether a subscription takes a name. */

export function takes(pattern, name) {
    return pattern === name
           || (pattern === '*' && !name.startsWith('system.'))
           || (pattern.endsWith('.*') && name.startsWith(pattern.slice(0, -1)));
}


/* Types by their prefixes: a group is what has two names or more below it. */

function tree(types, prefix = '') {
    const groups = new Map();

    for (const type of types) {
        const head = type.name.slice(prefix.length).split('.')[0];

        groups.set(head, [...groups.get(head) || [], type]);
    }

    return [...groups].flatMap(([head, list]) => {
        const name = prefix + head;
        const below = list.filter((t) => t.name !== name);
        const self = list.filter((t) => t.name === name);

        return below.length === 0 ? self
             : below.length === 1 && prefix !== '' ? [...self, ...below]
             : [...self, { group: `${name}.*`, children: tree(below, name + '.') }];
    });
}


/* The element, and value(): the list of subscriptions. */

export function picker(types, chosen, changed = () => {}) {
    const selected = new Set(chosen);
    const nodes = tree(types);
    const list = h('div.tree', { tabindex: '0', role: 'region', 'aria-label': 'Event types' });
    const chips = h('ul.chips', { 'aria-label': 'Chosen' });
    const error = h('p.error', { role: 'alert' });
    let search = '';

    const by = (name) => [...selected].find((p) => p !== name && takes(p, name.replace(/\.\*$/, '.x')));

    const set = (name, on) => {
        if (on) {
            selected.add(name);
        } else {
            selected.delete(name);
        }

        draw();
        changed();
    };

    const found = (t) => t.group ? t.children.some(found)
        : !search || `${t.name} ${t.description || ''}`.toLowerCase().includes(search);

    const row = (name, label, description) => {
        const covered = by(name);

        return h('label.check', { class: covered && 'covered' },
            h('input', { type: 'checkbox', checked: selected.has(name) || !!covered, disabled: !!covered,
                         dataset: { name }, onchange: (e) => set(name, e.target.checked) }),
            h('span', null, h('code', null, label),
              covered && h('span.hidden-text', null, `, in ${covered}`),
              description && h('span.hint', null, data(description))));
    };

    const node = (t) => !found(t) ? null
        : t.group ? h('div.group', { role: 'group', 'aria-label': t.group },
                      row(t.group, t.group, 'all of these, also those to come'),
                      h('div.below', null, t.children.map(node)))
        : row(t.name, t.name, t.description);

    const draw = () => {
        const focus = document.activeElement?.dataset?.name;
        const chip = [...chips.children].findIndex((c) => c.contains(document.activeElement));
        const at = list.scrollTop;

        const shown = [
            !search && row('*', '*', 'every event, also those to come'), nodes.map(node),
            OPERATIONAL.some(found) && h('div.group', { role: 'group', 'aria-label': 'system.*' },
                row('system.*', 'system.*', 'about the deliveries themselves; * does not take them'),
                h('div.below', null, OPERATIONAL.map(node))),
        ].flat(3).filter(Boolean);

        replace(list, shown.length ? shown : h('p.quiet', null,
            'No event type has this in its name. Add a name below.'));
        replace(chips, [...selected].sort().map((name) => h('li', null, h('code', null, data(name)),
            button('', () => set(name, false), { icon: 'cross', label: `Remove ${name}`,
                                                 kind: 'quiet', small: true }))));
        chips.hidden = selected.size === 0;
        list.scrollTop = at;

        if (focus) {
            list.querySelector(`[data-name="${CSS.escape(focus)}"]`)?.focus();
        } else if (chip >= 0) {
            (chips.children[Math.min(chip, selected.size - 1)]?.querySelector('button') || typed).focus();
        }
    };

    const typed = h('input', { type: 'text', id: unique('typed'), autocomplete: 'off', spellcheck: 'false',
                               maxlength: 130, placeholder: 'scan.finished or scan.*' });

    const take = () => {
        const name = typed.value.trim();

        if (!SUBSCRIPTION.test(name)) {
            replace(error, icon('bang'), name === '' ? 'Type a name first.'
                : 'A name is letters, digits, - and _, with dots between; it may end with .*');
            typed.focus();
            return;
        }

        replace(error);
        typed.value = '';
        set(name, true);
        typed.focus();
    };

    typed.addEventListener('keydown', (e) => {
        if (e.key === 'Enter') {
            e.preventDefault();
            take();
        }
    });

    draw();

    const element = h('div.picker', null,
        h('div.search', null, icon('search'),
          h('input', { type: 'search', 'aria-label': 'Search event types', placeholder: 'Search event types',
                       oninput: (e) => { search = e.target.value.trim().toLowerCase(); draw(); } })),
        types.length === 0 && h('p.quiet.pad', null,
            'There is no catalogue of event types here: choose everything, or type the names you want.'),
        list,
        h('div.typed', null, h('label', { for: typed.id }, 'Another name or pattern'),
          h('div.row', null, typed, button('Add', take, { small: true })), error),
        chips);

    return { element, value: () => [...selected].sort(), add: take, pending: () => typed.value.trim() !== '' };
}
