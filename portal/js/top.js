/*
 * The bar at the top: where one is, the company, light or dark, the way out.
 */

import { h, replace, data } from './dom.js';
import { button } from './ui.js';
import { icon } from './icons.js';
import * as session from './session.js';
import { where } from './router.js';

const themes = { auto: 'light', light: 'dark', dark: 'auto' };
const signs = { auto: 'auto', light: 'sun', dark: 'moon' };


function theme() {
    return document.documentElement.dataset.theme || 'auto';
}


function switchTheme(b) {
    const next = themes[theme()];

    if (next === 'auto') {
        delete document.documentElement.dataset.theme;
    } else {
        document.documentElement.dataset.theme = next;
    }

    try {
        localStorage.setItem('webhook-portal-theme', next);
    } catch (e) {
        // no storage: until the page is left
    }

    name(b);
}


function name(b) {
    const words = { auto: 'as the system', light: 'light', dark: 'dark' };

    b.querySelector('svg').replaceWith(icon(signs[theme()]));
    b.setAttribute('aria-label', `Colours: ${words[theme()]}. Change`);
    b.title = `Colours: ${words[theme()]}`;
}


function nav(company) {
    const { parts } = where();
    const first = parts[0] || (company ? 'webhooks' : 'operator');

    const items = !company ? [['Access requests', '#/operator', parts[1] !== 'companies'],
                              ['Companies', '#/operator/companies', parts[1] === 'companies']]
        : !company.enabled ? []
        : [['Webhooks', '#/webhooks', first === 'webhooks'], ['Events', '#/events', first === 'events'],
           ['Replays', '#/replays', first === 'replays']];

    return items.length > 0 && h('nav.main-nav', { 'aria-label': 'Portal' },
        items.map(([text, href, here]) => h('a', { href, 'aria-current': here ? 'page' : null }, text)));
}


export function topBar(company, { leave, forget }) {
    const who = session.get();
    const colours = button('', (b) => switchTheme(b), { icon: 'auto', label: 'Colours', kind: 'quiet' });

    name(colours);

    replace(document.getElementById('top'), h('div.top-row', null,
        h('a.brand', { href: '#/', 'aria-label': company ? 'Start' : null }, icon('hook'),
          !company && h('span', null, 'Webhooks')),
        who?.admin && company && h('a.operator', { href: '#/operator/companies', onclick: forget }, 'Operator'),
        company && h('span.company', { title: company.name }, data(company.name)),
        who && nav(company),
        h('div.top-end', null, colours,
          who && button('', () => leave(), { icon: 'out', label: 'Sign out', kind: 'quiet' }))));
}
