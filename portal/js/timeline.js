/*
 * Events as people see them: a message, with what became of it at each webhook.
 * The API lists messages, and webhook events; here they come together.
 */

import * as api from './api.js';
import { takes } from './event-picker.js';

const PAGE = 50;
const NEW = 250;                // of what is new, at most, in one request
const PAGES = 4;                // of webhook events for a page of messages
const PATIENCE = 4000;          // ms for which a search goes on by itself
const BEGINNING = '1971-01-01T00:00:00Z';

const spans = { '1h': 1, '24h': 24, '7d': 168, '30d': 720 };


/* The API's filter of a query of the address. */

export function filterOf(query) {
    const search = (query.get('q') || '').trim();
    const f = { status: query.get('status'), event: query.get('event'), webhook: query.get('webhook'),
                since: query.get('since'), until: query.get('until') };
    const span = spans[query.get('range')];

    if (span) {
        f.since = new Date(Date.now() - span * 3600000).toISOString();
        f.until = null;
    }

    if (/^(msg|evt)_[0-9a-z]+$/.test(search)) {
        f.id = search;
    } else if (search) {
        f.q = search;
        f.since = f.since || BEGINNING;
    }

    return f;
}


/* The lists that a filter needs: messages alone know those nobody wanted. */

function byMessages(f) {
    return !f.status && !f.webhook && !(f.id || '').startsWith('evt_');
}


function group(message) {
    return { id: message.id, event: message.event, created_at: message.created_at, events: [], known: true };
}


/*
 * Whether a replay may have sent a message to a webhook that never had it: that
 * webhook event is not near the message in the lists.  It tells its webhooks
 * when it is opened.
 */

export function later(replays, hooks, m) {
    return replays.some((r) => r.source === 'messages' && m.created_at < r.created_at
        && (hooks.get(r.webhook_id)?.events.some((p) => takes(p, m.event)) ?? true)
        && (!r.filter?.event || r.filter.event === m.event)
        && (!r.filter?.since || m.created_at >= r.filter.since)
        && (!r.filter?.until || m.created_at < r.filter.until));
}


async function ofMessages(context, f, cursor, limit) {
    const { path, signal } = context;
    const query = { event: f.event, since: f.since, until: f.until, q: f.q, id: f.id };
    const page = await api.get(path('messages'), { signal, query: { ...query, cursor, limit } });

    if (page.data.length === 0) {
        return { groups: [], next: page.next_cursor };
    }

    const groups = new Map(page.data.map((m) => [m.id, group(m)]));
    const range = {
        since: page.data[page.data.length - 1].created_at,
        until: new Date(Date.parse(page.data[0].created_at) + 5).toISOString(),
        event: f.event, limit: 250,
    };

    let next = null;

    for (let i = 0; i < PAGES; i++) {
        const got = await api.get(path('webhook-events'), { signal, query: { ...range, cursor: next } });

        for (const e of got.data) {
            groups.get(e.message_id)?.events.push(e);
        }

        next = got.next_cursor;

        if (!next) {
            break;
        }
    }

    if (next) {
        // too many to list: those not reached tell theirs when they are opened
        const [cut] = [...groups.values()].filter((g) => g.events.length > 0).slice(-1);

        groups.forEach((g) => { g.known = g.events.length > 0 && g !== cut; });
    }

    groups.forEach((g) => { g.known = g.known && !context.later(g); });

    groups.forEach((g) => g.events.reverse());

    return { groups: [...groups.values()], next: page.next_cursor };
}


async function ofWebhookEvents(context, f, cursor, limit) {
    const page = await api.get(context.path('webhook-events'), { signal: context.signal, query: {
        status: f.status, event: f.event, webhook: f.webhook, since: f.since, until: f.until, q: f.q,
        [(f.id || '').startsWith('msg_') ? 'message' : 'id']: f.id, cursor, limit } });

    const groups = new Map();

    for (const e of page.data) {
        if (!groups.has(e.message_id)) {
            groups.set(e.message_id, { ...group(e), id: e.message_id });
        }
        groups.get(e.message_id).events.unshift(e);
    }

    return { groups: [...groups.values()], next: page.next_cursor };
}


/*
 * A page from "cursor" on: { groups, next }.  A search may find nothing in what
 * it has looked at: it goes on for a while, and tells how far it is.
 */

export async function page(context, f, cursor, told = () => {}) {
    const from = Date.now();
    const load = byMessages(f) ? ofMessages : ofWebhookEvents;
    let groups = [];

    do {
        const got = await load(context, f, cursor, PAGE);

        groups = merge(groups, got.groups);
        cursor = got.next;
        told(groups.length);
    } while (cursor && groups.length < PAGE && Date.now() - from < PATIENCE);

    return { groups, next: cursor };
}


/*
 * The newest rows, as far as one that is known, by its id: { groups, next, gap }.
 * There is a gap where more than "most" are new.  A search looks at one page: it
 * would go through all that there is for a row that is far back.
 */

export async function newest(context, f, known, most) {
    const load = byMessages(f) ? ofMessages : ofWebhookEvents;
    let groups = [], cursor = null, met = known.size === 0;

    do {
        const got = await load(context, f, cursor, cursor || f.q ? NEW : PAGE);

        groups = merge(groups, got.groups);
        cursor = got.next;
        met = met || got.groups.some((g) => known.has(g.id));
    } while (!met && !f.q && cursor && groups.length < most);

    return { groups, next: cursor, gap: !met && (f.q ? groups.length >= NEW : cursor !== null) };
}


/*
 * The rows "before" with the newest in their place.  What a status no longer
 * holds for is not among these: it goes, unless it is selected.
 */

export function renew(f, before, got, picked, add) {
    const now = new Map(got.groups.map((g) => [g.id, g]));
    const known = new Set(before.map((g) => g.id));
    const last = got.next ? got.groups[got.groups.length - 1]?.created_at ?? '9' : '';
    const left = before.filter((g) => !f.status || now.has(g.id) || picked.has(g.id) || g.created_at <= last);
    const fresh = add ? got.groups.filter((g) => !known.has(g.id)) : [];
    const order = (a, b) => a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : 0;

    return { groups: [...fresh, ...left.map((g) => now.get(g.id) || g)].sort(order), fresh };
}


/* Later rows after earlier ones; a message on both sides is one. */

export function merge(before, after) {
    const known = new Map(before.map((g) => [g.id, g]));
    const out = [...before];

    for (const g of after) {
        const same = known.get(g.id);

        if (!same) {
            out.push(g);
            continue;
        }

        const ids = new Set(same.events.map((e) => e.id));

        same.events = [...g.events.filter((e) => !ids.has(e.id)), ...same.events];
    }

    return out;
}


/* What a row shows, as text: it is drawn anew when that changes. */

export function mark(hooks, g) {
    return JSON.stringify(g.events.map((e) => [e.id, e.status, e.retries, e.next_attempt_at, e.waiting_for,
        e.waiting_for === 'breaker' ? hooks.get(e.webhook_id)?.health.paused_until : null]));
}


/*
 * One endpoint that is down makes many equal rows: those one after the other
 * with the same name and the same trouble become one, { run: [...] }.
 */

export function fold(groups, least = 4) {
    const out = [];
    let run = [];

    const trouble = (g) => g.events.some((e) => e.status === 'failed' || (e.status === 'pending' && e.retries + 1 > 0
                                                                          && e.waiting_for !== null))
        ? `${g.event} ${g.events.map((e) => `${e.webhook_id}:${e.status === 'delivered' ? 'd' : 'x'}`).join(' ')}` : null;

    const flush = () => {
        if (run.length >= least) {
            out.push({ run });
        } else {
            out.push(...run);
        }
        run = [];
    };

    for (const g of groups) {
        const t = trouble(g);

        if (run.length && (t === null || t !== trouble(run[0]))) {
            flush();
        }

        if (t === null) {
            out.push(g);
        } else {
            run.push(g);
        }
    }

    flush();

    return out;
}
