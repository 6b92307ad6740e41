/*
 * Without a session: a key is typed in.  Customers come with a token from their
 * provider's application and do not see this.
 */

import { h } from '../dom.js';
import * as api from '../api.js';
import * as session from '../session.js';
import { run } from '../router.js';
import { field, fieldError, button, busy, notice } from '../ui.js';


async function enter(key, company) {
    if (company) {
        const found = await api.get(api.of(company), { key });

        // the operator's key can see the list of companies, too
        const admin = await api.get('companies', { key, query: { limit: 1 } })
            .then(() => true, (e) => { if (e.status === 403) { return false; } throw e; });

        session.enter(key, found.id, admin);
        return;
    }

    await api.get('companies', { key, query: { limit: 1 } });
    session.enter(key, null, true);
}


export function signIn(context, lapsed, kept) {
    const key = h('input', { type: 'password', autocomplete: 'off', spellcheck: 'false', required: true,
                             maxlength: 200 });
    const company = h('input', { type: 'text', autocomplete: 'off', spellcheck: 'false', maxlength: 128 });
    const keyField = field('Key', key, { hint: 'Of the operator, or of your company.' });
    const companyField = field('Company', company, { optional: true,
        hint: 'Its id or uid. Not needed with the operator’s key.' });
    const b = button('Sign in', null, { kind: 'primary', submit: true });

    const submit = (e) => {
        e.preventDefault();
        fieldError(keyField, '');
        fieldError(companyField, '');

        return busy(b, async () => {
            if (!key.value.trim()) {
                fieldError(keyField, 'Type or paste a key.');
                key.focus();
                return;
            }

            try {
                await enter(key.value.trim(), company.value.trim());
                run();

            } catch (err) {
                if (err.status === 401) {
                    fieldError(keyField, 'This key is not known, or not good any more.');
                    key.focus();
                } else if (err.code === 'role_forbidden' || err.status === 404) {
                    fieldError(companyField, err.status === 404 ? err.message
                        : 'This is a company’s key: say which company.');
                    company.focus();
                } else {
                    throw err;
                }
            }
        });
    };

    return h('div.narrow', null,
        h('h1', { tabindex: '-1' }, lapsed ? 'Your session has ended' : 'Sign in'),
        lapsed && notice('warn', h('p', null,
            `Sessions last for some time only. Open this page once more from the application that you came from${
                kept ? ', in another tab: this one then goes on with what you typed.' : '.'}`)),
        h('p.lead', null, lapsed ? 'Or go on with a key.'
            : 'Open the portal from your provider’s application: its link signs you in. Or use a key.'),
        h('form.card', { onsubmit: submit, novalidate: true }, keyField, companyField,
          h('div.form-foot', null, b)),
        h('p.hint', null, 'The key is kept in this tab alone, until it is closed.'));
}
