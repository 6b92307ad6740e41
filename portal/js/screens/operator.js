/*
 * The operator's view: who asks for access, and all companies.
 */

import { h, replace, add, data, say } from '../dom.js';
import * as api from '../api.js';
import * as session from '../session.js';
import { go } from '../router.js';
import { button, badge, busy, confirm, copyable, dialog, empty, field, fieldError, head, toast } from '../ui.js';
import { icon } from '../icons.js';
import * as live from '../live.js';

const REQUESTS = 100;           // on a page


function open(company) {
    session.choose(company.id || company);
    go('/webhooks');
}


export async function requests(context) {
    const list = h('div');
    const foot = h('div.more');
    let pages = 1;

    const draw = async () => {
        const found = [];
        let cursor = null;

        for (let i = 0; i < pages && (i === 0 || cursor); i++) {
            const page = await api.get('access-requests', { signal: context.signal,
                                                            query: { status: 'open', limit: REQUESTS, cursor } });

            found.push(...page.data);
            cursor = page.next_cursor;
        }

        replace(list, found.length === 0
            ? empty('Nobody waits for access', 'When a company asks for webhooks in its portal, it is listed here.',
                    h('a.button.plain', { href: '#/operator/companies' }, 'All companies'))
            : h('ul.rows', null, found.map(row)));
        replace(foot, cursor && button('Older requests', async () => {
            pages++;
            await draw();
            list.querySelectorAll('.request button')[found.length]?.focus();
        }));
    };

    const row = (r) => h('li.request', null,
        h('div', null, h('h2', null, data(r.company_name)),
          h('p.quiet', null, 'asked ', live.since(r.created_at), ' · ', h('code', null, r.company_id)),
          r.message && h('blockquote', null, data(r.message))),
        h('div.actions', null, button('Enable', async () => {
            await api.patch(api.of(r.company_id), { enabled: true });
            toast(`${r.company_name} has access now`);
            await draw();
        }, { kind: 'primary' })));

    await draw();
    context.visit.every(10000, () => [list, foot].some((e) => e.contains(document.activeElement)) || draw());

    return [head('Access requests', { sub: 'Webhooks are off for a company until you enable them.' }), list, foot];
}


/* A new company; it is given when it is made. */

function create() {
    const name = field('Name', h('input', { type: 'text', maxlength: 256, autocomplete: 'off', 'data-first': true }));
    const uid = field('uid', h('input', { type: 'text', maxlength: 128, autocomplete: 'off', spellcheck: 'false' }),
        { optional: true, hint: 'Your own name for it in the API: letters, digits, “.”, “_”, “-”.' });
    const enabled = h('input', { type: 'checkbox' });
    const b = button('Add', null, { kind: 'primary', submit: true });

    return dialog('Add a company', (close) => h('form', { novalidate: true, onsubmit: (e) => {
        e.preventDefault();
        return busy(b, async () => {
            const body = { name: name.querySelector('input').value.trim(), enabled: enabled.checked };
            const id = uid.querySelector('input').value.trim();

            try {
                close(await api.post('companies', id ? { ...body, uid: id } : body));
            } catch (err) {
                const box = err.code === 'uid_taken' ? uid
                    : err.errors?.[0]?.pointer === '/uid' ? uid : name;

                if (err.name === 'AbortError') {
                    throw err;
                }

                fieldError(box, err.errors?.[0]?.detail || err.message);
                box.querySelector('input').focus();
            }
        });
    } }, h('div.dialog-body', null, name, uid,
           h('label.check', null, enabled, h('span', null, 'Enabled', h('span.hint', null,
             'it may use webhooks from the beginning')))),
        h('div.dialog-foot', null, button('Cancel', () => close(null)), b)));
}


/* A link that signs in, to give to somebody. */

async function portalLink(company) {
    const made = await api.post(api.of(company.id, 'portal-sessions'), { expires_in: '1h' });
    const url = made.url || new URL(`#token=${made.token}&company=${company.id}`, document.baseURI).href;

    await dialog('A link to the portal', (close) => [
        h('div.dialog-body', null,
          h('p', null, 'Whoever opens it sees the portal of ', h('strong', null, data(company.name)),
            ' for an hour. Give it to nobody else.'),
          copyable(url, 'link')),
        h('div.dialog-foot', null, button('Done', () => close(), { kind: 'primary' })),
    ]);
}


export async function companies(context) {
    const body = h('tbody');
    const more = h('div.more');
    let cursor = null;
    let turns = 0;
    let typing;

    const row = (c) => {
        const tr = h('tr');

        const draw = () => replace(tr,
            h('th', { scope: 'row' }, h('button.link', { type: 'button', onclick: () => open(c) }, data(c.name))),
            h('td', null, h('code', null, data(c.uid || c.id))),
            h('td', null, c.enabled ? badge('good', 'Enabled', 'check') : badge('off', 'No access', 'dash')),
            h('td.quiet', null, live.since(c.created_at)),
            h('td', null, h('div.actions', null,
                button('Portal link', () => portalLink(c), { small: true }),
                c.enabled
                ? button('Disable', async () => {
                    if (await confirm(`Disable webhooks of ${c.name}?`,
                        'It gets no new events, and what is pending waits until it is enabled again.',
                        'Disable', { kind: 'danger' }))
                    {
                        c = await api.patch(api.of(c.id), { enabled: false });
                        draw();
                        toast(`${c.name} has no access now`);
                    }
                }, { small: true })
                : button('Enable', async () => {
                    c = await api.patch(api.of(c.id), { enabled: true });
                    draw();
                    toast(`${c.name} has access now`);
                }, { small: true, kind: 'primary' }))));

        draw();
        return tr;
    };

    /* How many there are; undefined where another search has begun meanwhile. */

    const page = async () => {
        const turn = turns;
        const got = await api.get('companies', { signal: context.signal,
                                                 query: { q: text.value.trim(), cursor, limit: 50 } });

        if (turn !== turns) {
            return undefined;
        }

        if (cursor === null) {
            replace(body);
        }

        cursor = got.next_cursor;
        add(body, got.data.map(row));
        replace(more, cursor && button('More', page));

        return got.data.length;
    };

    const search = async () => {
        clearTimeout(typing);
        turns++;
        cursor = null;

        try {
            const found = await page();

            if (found !== undefined) {
                table.hidden = found === 0;
                nobody.hidden = found > 0;
                say(found === 0 ? 'None found' : `${found}${cursor ? ' or more' : ''} found`);
            }
        } catch (e) {
            if (e.name !== 'AbortError') {
                toast(e.message, 'bad');
            }
        }
    };

    const text = h('input', { type: 'search', name: 'q', maxlength: 256, autocomplete: 'off', spellcheck: 'false',
                              placeholder: 'Search a name or uid', 'aria-label': 'Search a name or uid' });
    const bar = h('form.filters', { role: 'search', onsubmit: (e) => { e.preventDefault(); search(); } },
        h('div.search', null, icon('search'), text));

    text.addEventListener('input', () => {
        clearTimeout(typing);
        typing = setTimeout(search, 300);
    });

    const some = await page();

    const made = button('Add a company', async () => {
        const c = await create();

        if (c) {
            body.prepend(row(c));
            toast(`${c.name} was added`);
            table.hidden = bar.hidden = false;
            none.hidden = nobody.hidden = true;
        }
    }, { kind: 'primary', icon: 'plus' });

    const table = h('div.table.companies', { hidden: some === 0 }, h('table', null,
        h('caption.hidden-text', null, 'Companies'),
        h('thead', null, h('tr', null, ['Company', 'uid', 'Webhooks', 'Added', ''].map((t) =>
            t ? h('th', { scope: 'col' }, t) : h('td')))), body));
    const none = empty('No company yet', 'Add one here, or by POST /companies of the API.');

    const nobody = empty('None found', 'No company has this text in its name or uid.');

    none.hidden = some > 0;
    bar.hidden = some === 0;
    nobody.hidden = true;

    return [head('Companies', { sub: 'Choose one to see its portal.', actions: [made] }), bar, table, more, none, nobody];
}
