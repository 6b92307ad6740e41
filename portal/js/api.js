/*
 * The admin API.  What goes wrong is a Problem, with the API's code and words
 * for people.
 */

import { get as session } from './session.js';
import { problem as words } from './words.js';

const meta = document.querySelector('meta[name="webhook-api"]');
const base = new URL(meta?.content || 'api/', document.baseURI);

let ended = () => {};
let refused = () => {};


export class Problem extends Error {

    constructor(status, body) {
        super(words(status, body));
        this.status = status;
        this.code = body?.code || null;
        this.errors = body?.errors || [];
    }
}


/* Called when the key is not good any more. */

export function onEnd(f) {
    ended = f;
}


/* Called when the company has no access any more. */

export function onRefused(f) {
    refused = f;
}


function address(path, query) {
    const url = new URL(base.pathname.replace(/\/*$/, '/') + path.replace(/^\//, ''), base);

    url.search = Object.entries(query || {})
        .filter(([, value]) => value !== null && value !== undefined && value !== '')
        .map((pair) => pair.map(encodeURIComponent).join('=')).join('&');

    return url;
}


async function send(method, path, { query, body, signal, key } = {}) {
    const headers = { Accept: 'application/json' };
    const token = key || session()?.key;

    if (token) {
        headers.Authorization = `Bearer ${token}`;
    }

    if (body !== undefined) {
        headers['Content-Type'] = 'application/json';
    }

    let answer, text;

    try {
        answer = await fetch(address(path, query), {
            method, headers, signal, cache: 'no-store', credentials: 'same-origin',
            redirect: 'error', referrerPolicy: 'no-referrer',
            body: body === undefined ? undefined : JSON.stringify(body),
        });
        text = await answer.text();

    } catch (e) {
        if (e.name === 'AbortError') {
            throw e;
        }

        throw new Problem(0, null);
    }

    let value = null;

    try {
        value = text ? JSON.parse(text) : null;
    } catch (e) {
        throw new Problem(answer.ok ? 502 : answer.status, null);
    }

    if (!answer.ok) {
        if (answer.status === 401 && !key && token === session()?.key) {
            ended();
        }

        if (value?.code === 'access_not_enabled' && token === session()?.key) {
            refused();
        }

        throw new Problem(answer.status, value);
    }

    return { value, text, status: answer.status };
}


export async function get(path, options) {
    return (await send('GET', path, options)).value;
}


/* { value, text }: the text has numbers as they were sent. */

export function getText(path, options) {
    return send('GET', path, options);
}


export async function post(path, body, options) {
    return (await send('POST', path, { ...options, body })).value;
}


export function postStatus(path, body, options) {
    return send('POST', path, { ...options, body });
}


export async function patch(path, body) {
    return (await send('PATCH', path, { body })).value;
}


export async function remove(path) {
    return (await send('DELETE', path)).value;
}


/* All pages of a list that is known to be short, at most "most" rows. */

export async function all(path, { query, signal, most = 1000, each = () => {} } = {}) {
    const rows = [];
    let cursor = null;

    do {
        const page = await get(path, { signal, query: { limit: 250, ...query, cursor } });

        rows.push(...page.data);
        each(page);
        cursor = page.next_cursor;
    } while (cursor && rows.length < most);

    return rows;
}


/* The path of what belongs to the company whose portal it is. */

export function of(company, ...parts) {
    return ['companies', company, ...parts].map(encodeURIComponent).join('/');
}
