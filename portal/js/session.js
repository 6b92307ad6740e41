/*
 * Who uses the portal: a token or key, and a company.  They come in the
 * fragment of the address, "#token=...&company=...", or from the form, and are
 * kept in the tab's sessionStorage alone.
 */

const NAME = 'webhook-portal';

let current = null;


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
        history.replaceState(null, '', location.pathname + location.search + '#/');
        return;
    }

    current = read();
}


export function get() {
    return current;
}


export function enter(key, company, admin) {
    current = { key, company, admin };
    write();
}


export function choose(company) {
    current = { ...current, company };
    write();
}


export function end() {
    current = null;
    write();
}
