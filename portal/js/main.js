/*
 * The portal's beginning: who is here, the bar at the top, and which screen is
 * shown.
 */

import { h, replace, say } from './dom.js';
import * as api from './api.js';
import * as session from './session.js';
import * as live from './live.js';
import { route, start, go, run } from './router.js';
import { notice, button, skeleton } from './ui.js';
import { topBar } from './top.js';
import { signIn } from './screens/sign-in.js';
import { access } from './screens/access.js';
import { requests, companies } from './screens/operator.js';
import { webhooks } from './screens/webhooks.js';
import { addWebhook, editWebhook } from './screens/webhook-form.js';
import { overview } from './screens/webhook.js';
import { settings } from './screens/webhook-settings.js';
import { verify } from './screens/webhook-verify.js';
import { events } from './screens/events.js';
import { event } from './screens/event.js';
import { replays } from './screens/replays.js';

const main = document.getElementById('main');

let company = null;             // the one whose portal it is
let drawn = null;               // the address of what "main" shows
let lapsed = null;              // the session that has ended: { company, hash, form }
let refused = 0;                // when an answer said that there is no access


route('/', webhooks);
route('/webhooks', webhooks);
route('/webhooks/new', addWebhook);
route('/webhooks/*', overview);
route('/webhooks/*/settings', settings);
route('/webhooks/*/verify', verify);
route('/webhooks/*/edit', editWebhook);
route('/events', events);
route('/events/*', event);
route('/events/*/*', event);
route('/replays', replays);
route('/operator', requests);
route('/operator/companies', companies);


/* What a screen gets beside its arguments. */

function context(visit, query) {
    return { visit, query, company, changed, again: run, signal: visit.signal,
             path: (...parts) => api.of(company.id, ...parts) };
}


async function load() {
    const name = session.get().company;

    if (company === null || (company.id !== name && company.uid !== name)) {
        company = await api.get(api.of(name));
    }
}


/* The screen for who is here, which may not be the one that was asked for. */

async function choose(found, visit) {
    const who = session.get();

    if (!who) {
        return { screen: signIn, args: [lapsed !== null, Boolean(lapsed?.form)] };
    }

    if (who.company === null) {
        company = lapsed = null;
        return found && [requests, companies].includes(found.screen) ? found
               : { screen: requests, args: [] };
    }

    if (who.admin && found && [requests, companies].includes(found.screen)) {
        company = null;
        session.choose(null);
        return found;
    }

    await load();
    session.announce(company);

    if (!company.enabled) {
        return { screen: access, args: [] };
    }

    return lapsed && !visit.signal.aborted ? resume(found) : found;
}


/* Goes on where the session has ended, if this one is of the same company. */

function resume(found) {
    const { company: whose, hash, form } = lapsed;

    lapsed = null;

    if (whose !== company.id && whose !== company.uid) {
        return found;
    }

    history.replaceState(null, '', hash);

    if (form) {
        return { screen: () => form, args: [], moved: true };
    }

    run();                              // ends this visit

    return found;
}


async function around(found, query, visit, moved) {
    const waiting = setTimeout(() => replace(main, skeleton()), 150);
    let made;

    try {
        const { screen, args, moved: resumed } = await choose(found, visit) || {};

        moved = moved || resumed;

        topBar(company, { leave, forget: () => { company = null; } });
        made = screen ? await screen(context(visit, query), ...args)
             : [h('h1', { tabindex: '-1' }, 'Not found'), notice('bad', h('p', null, 'There is no such page.')),
                button('Webhooks', () => go('/webhooks'))];

    } catch (e) {
        if (e.name === 'AbortError' || visit.signal.aborted) {
            return;
        }

        if (e.status === undefined) {
            reportError(e);             // the console has it
        }

        if (e.status === 401) {
            return;                     // ended() has drawn already
        }

        topBar(company, { leave, forget: () => { company = null; } });
        made = failed(e);

    } finally {
        clearTimeout(waiting);
    }

    if (visit.signal.aborted) {
        return;
    }

    replace(main, made);
    drawn = location.hash;
    live.tick();
    entered(moved);
}


/* Where the screen begins: its heading is read, and takes the focus. */

function entered(moved) {
    const title = main.querySelector('h1');

    document.title = `${title?.textContent || 'Webhooks'} · ${company?.name || 'Webhooks'}`;

    if (moved) {
        scrollTo(0, 0);
        (main.querySelector('[data-focus]') || title || main).focus({ preventScroll: true });
        say(title?.textContent || '');
    }
}


function failed(e) {
    return [h('h1', { tabindex: '-1' }, e.status === 404 ? 'Not found' : 'That did not work'),
            notice('bad', h('p', null, e.status === undefined ? 'The portal met an error of its own.' : e.message)),
            h('div.actions', null,
              e.status === 404 ? button('Webhooks', () => go('/webhooks'), { kind: 'primary' }) : button('Try again', () => run(), { kind: 'primary', icon: 'retry' }),
              button('Sign out', () => leave()))];
}


function closeDialogs() {
    document.querySelectorAll('dialog[open]').forEach((d) => d.close());
}


/* A form stays as it is, for who comes back, also with a link that is no good first. */

function lapse() {
    const form = drawn === location.hash && main.querySelector('form.form') ? [...main.childNodes] : null;

    leave(lapsed || { company: company?.id ?? session.get()?.company, hash: location.hash, form });
}


/* The session of another tab, of a link to the portal, is good here too. */

function begun(other) {
    if (lapsed && [other.company, other.uid].includes(lapsed.company)) {
        session.enter(other.key, other.company, false);
        run();
    }
}


function leave(left = null) {
    lapsed = left;
    session.end();
    company = null;
    closeDialogs();
    history.replaceState(null, '', '#/');
    run();
}


/* A change of the company: access that was granted, or taken away. */

function changed() {
    company = null;
    closeDialogs();
    run();
}


document.getElementById('skip').addEventListener('click', (e) => {
    e.preventDefault();
    main.focus();
});

addEventListener('hashchange', () => {
    if (/[#&]token=/.test(location.hash)) {
        company = null;
        session.begin();
        run();
    }
}, true);

session.begin();
session.share();

if (!session.get() && location.hash.length > 2) {
    await session.ask();
}

session.onBegin(begun);
api.onEnd(lapse);
api.onRefused(() => {
    if (Date.now() - refused > 2000) {      // not again and again
        refused = Date.now();
        changed();
    }
});
live.start();
start(around);
