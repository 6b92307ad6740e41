/*
 * Who uses the portal: a token or key, and a company.  They come in the
 * fragment of the address, "#token=...&company=...", or from the form, and are
 * kept in the tab's sessionStorage alone.  A tab that is opened from this one by
 * a link has none of it: it asks, and is answered once, if that was just now.
 */

const NAME = 'webhook-portal';
const JUST = 15000;             // ms, from a click (or its menu) to the new tab
const SOON = 300;               // ms for which an answer is waited for

const channel = new BroadcastChannel(NAME + location.pathname);

let current = null;
let fresh = false;              // begun by a link, and not used yet
let opened = null;              // the link that was opened in a new tab: { hash, at }


function read() {
    try {
        return JSON.parse(sessionStorage.getItem(NAME));
    } catch (e) {
        return null;
    }
}


function write() {
    try {
        if (current) {
            sessionStorage.setItem(NAME, JSON.stringify(current));
        } else {
            sessionStorage.removeItem(NAME);
        }
    } catch (e) {
        // no storage: good for as long as the page is open
    }
}


/* Takes a token out of the address, at once: it stays in no history. */

export function begin() {
    const given = new URLSearchParams(location.hash.slice(1));

    if (given.has('token')) {
        current = { key: given.get('token'), company: given.get('company') || null,
                    admin: false };
        write();
        fresh = true;
        history.replaceState(null, '', location.pathname + location.search + '#/');
        return;
    }

    current = read();
}


/* A session that a link has begun is good: tabs whose own has ended hear of it. */

export function announce({ id, uid }) {
    if (fresh) {
        fresh = false;
        channel.postMessage({ began: { key: current.key, company: id, uid } });
    }
}


/* Called with the session that has begun in another tab. */

export function onBegin(f) {
    channel.addEventListener('message', ({ data }) => data.began && f(data.began));
}


export function get() {
    return current;
}


/* Notes which link is opened in a new tab, and answers that tab. */

export function share() {
    const note = (e) => {
        const a = e.target.closest?.('a[href^="#"]');

        if (a && (e.type !== 'click' || e.ctrlKey || e.metaKey || e.shiftKey)) {
            opened = { hash: a.hash, at: Date.now() };
        }
    };

    ['click', 'auxclick', 'contextmenu'].forEach((type) => addEventListener(type, note, true));

    channel.addEventListener('message', ({ data }) => {
        if (current && opened && data.asks === opened.hash && Date.now() - opened.at < JUST) {
            opened = null;
            channel.postMessage({ answers: data.id, session: current });
        }
    });
}


/* Asks the tab that this one was opened from. */

export function ask() {
    const id = Math.random();

    return new Promise((done) => {
        const hear = ({ data }) => {
            if (data.answers === id) {
                current = data.session;
                write();
                end();
            }
        };
        const end = () => {
            channel.removeEventListener('message', hear);
            done();
        };

        channel.addEventListener('message', hear);
        channel.postMessage({ asks: location.hash, id });
        setTimeout(end, SOON);
    });
}


export function enter(key, company, admin) {
    fresh = false;
    current = { key, company, admin };
    write();
}


export function choose(company) {
    fresh = false;
    current = { ...current, company };
    write();
}


export function end() {
    fresh = false;
    current = null;
    write();
}
