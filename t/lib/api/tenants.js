// Every operation of docs/openapi.yaml with every kind of key and another
// company's ids: wherever one can stand, it is as if it were nowhere, and
// nothing of that company is read or changed.
//
// All is made from the document: what an operation's x-roles are, what its
// parameters are, and which members of a body or a query name something.

'use strict';

const api = require('./document');
const { tap, run } = require('./client');
const world = require('./world');

const REFS = { CompanyRef: 'company', CompanyId: 'company', WebhookId: 'webhook',
               MessageId: 'message', WebhookEventId: 'webhook_event', ReplayId: 'replay',
               KeyId: 'key' };

const UNKNOWN = ['no key', 'a wrong key', 'a revoked key', 'an expired key'];

// What a schema names: a key of REFS through $ref and alternatives.

function names(schema) {
    if (!schema) return undefined;
    if (schema.$ref) return REFS[schema.$ref.split('/').pop()];
    for (const part of [...(schema.oneOf || []), ...(schema.allOf || [])]) {
        if (names(part)) return names(part);
    }
    return undefined;
}

// The members of a body that name something: [[path, what]].

function references(schema, at = []) {
    const found = [];

    for (const [name, s] of Object.entries(Object.assign({}, ...api.keyword(schema, 'properties')))) {
        if (names(s)) found.push([[...at, name], names(s)]);
        else found.push(...references(s, [...at, name]));
    }

    return found;
}

function put(object, at, value) {
    const copy = JSON.parse(JSON.stringify(object));
    let inner = copy;
    for (const step of at.slice(0, -1)) inner = inner[step] = inner[step] || {};
    inner[at[at.length - 1]] = value;
    return copy;
}

// A body that would do: the document's example.

function example(op) {
    if (!op.body) return undefined;
    const media = Object.values(op.body.content).find((m) => m.example && typeof m.example === 'object');
    return media ? media.example : {};
}

// An answer without what differs by itself, and without the ids of a request.

function blind(x, ids) {
    const headers = { ...x.answer.headers };
    for (const name of ['date', 'connection', 'keep-alive', 'etag']) delete headers[name];
    let text = x.answer.body;
    for (const id of ids) text = text.split(id).join('<id>');
    return JSON.stringify([x.status, headers, text]);
}

function isList(op) {
    const { schema } = op.responses[200].content['application/json'] || {};
    return api.keyword(schema, 'properties').some((p) => p.data);
}

// All that a company has, as an admin sees it.

async function dump(client, c, known) {
    const at = `/companies/${c.company}`;
    const shown = {};
    const get = async (target) => {
        const x = await client.request('GET', target);
        shown[target] = [x.status, x.answer.body];
        return x.json;
    };

    const lists = api.operations.filter((op) => op.method === 'GET' && op.names.join() === 'company'
                                                && op.template.startsWith('/companies/{company}/')
                                                && isList(op));

    await get(at);
    for (const op of lists) {
        const one = api.operations.find((o) => o.method === 'GET' && o.names.length === 2
                                               && o.template.startsWith(`${op.template}/{`)
                                               && o.template.split('/').length === 5);
        for (const row of (await get(world.fill(op, c) + '?limit=250')).data) {
            if (!one) continue;
            await get(world.fill(one, { ...c, [one.names[1]]: row.id }));
        }
    }

    await get(`${at}/webhooks/${c.webhook}/secret`);
    for (const target of ['/keys?limit=250', '/event-types', `/keys/${c.key}`, `/keys/${c.session.id}`]) {
        await get(target);
    }

    known.push(...Object.values(shown).flatMap(([, body]) =>
        body.match(/\b(co|wh|msg|evt|att|key|req|rpl)_[0-7][0-9a-hjkmnp-tv-z]{12}\b|whsec_[\w+/=]+/g)));

    return shown;
}

function differences(before, after) {
    return Object.keys({ ...before, ...after })
           .filter((t) => JSON.stringify(before[t]) !== JSON.stringify(after[t]))
           .map((t) => `${t}: was ${before[t]}, is ${after[t]}`.slice(0, 600));
}

run(async (client, config) => {
    await client.ok('POST', '/companies', { json: { uid: 'shut', name: 'Shut' } });
    const shut = { company: (await client.ok('GET', '/companies/shut')).id, uid: 'shut' };
    const a = await world.company(client, 'alpha', config, api.operations);
    const b = await world.company(client, 'beta', config, api.operations);
    const keys = await world.keys(client, 'alpha', 'beta', 'shut');

    const nowhere = {};
    for (const name of [...Object.values(REFS), 'name']) nowhere[name] = world.missing(name);
    for (const c of [a, b, shut]) c.name = 'no.such.name';
    const free = { ...nowhere, ...shut };

    // who each key belongs to, and whose things are then another's

    const who = {
        'ingest': { role: 'ingest', own: a, other: b },
        'bound ingest': { role: 'ingest', own: a, other: b, bound: true },
        'company': { role: 'company', own: a, other: b, bound: true },
        'portal session': { role: 'company', own: a, other: b, bound: true },
        'another company': { role: 'company', own: b, other: a, bound: true },
        'company without access': { role: 'company_without_access', own: free, other: b, bound: true },
        'admin': { role: 'admin', own: a, other: b },
    };

    const names4 = Object.keys(keys).filter((name) => name !== 'admin');
    tap(names4.every((n) => UNKNOWN.includes(n) || who[n]), 'every kind of key has its place');

    const known = { a: [], b: [] };
    let before = [await dump(client, a, known.a), await dump(client, b, known.b)];

    for (const op of api.operations) {
        const errors = [];
        const ask = async (name, ids, more = {}) => {
            const json = more.json || (op.body ? example(op) : undefined);
            return client.request(op.method, world.fill(op, ids) + (more.query || ''),
                                  { key: keys[name], ...(json ? { json } : {}) });
        };
        const expect = (x, what, status, code) => {
            const got = `${x.status} ${(x.json || {}).code || ''}`.trim();
            if (got !== `${status} ${code || ''}`.trim()) {
                errors.push(`${what}: ${op.method} ${x.path} is ${got}, not ${status} ${code}`);
            }
        };

        for (const name of UNKNOWN) {
            for (const ids of [a, b, nowhere]) expect(await ask(name, ids), name, 401, 'unauthorized');
        }

        for (const [name, me] of Object.entries(who)) {
            const { own, other } = me;
            const allowed = op.roles.includes(me.role);
            const ofCompany = op.names[0] === 'company';
            const quiet = { json: op.body ? { 'no such member': 1 } : undefined };

            // roles that have no part in it, whatever the ids

            if (!allowed && !(me.role === 'company_without_access' && op.roles.includes('company'))) {
                for (const ids of [own, other, nowhere]) {
                    expect(await ask(name, ids), name, 403, 'role_forbidden');
                }
                continue;
            }

            // another's company, by id and by uid, is one that is not there

            if (ofCompany && me.bound) {
                const gone = await ask(name, { ...other, company: nowhere.company });
                expect(gone, name, 404, 'company_not_found');

                for (const company of [other.company, other.uid]) {
                    for (const more of [{}, quiet]) {
                        const x = await ask(name, { ...other, company }, more);
                        expect(x, name, 404, 'company_not_found');
                        if (blind(x, [company]) !== blind(gone, [nowhere.company])) {
                            errors.push(`${name}: ${x.path} is told from what is not there`);
                        }
                    }
                }
            }

            if (!allowed) {
                expect(await ask(name, own), name, 403, 'access_not_enabled');
                continue;
            }

            // what is another's below one's own company

            if (ofCompany && op.names.length > 1) {
                const last = op.names[1];
                const gone = await ask(name, { ...own, [last]: nowhere[last] });
                const x = await ask(name, { ...own, [last]: other[last] });
                expect(gone, name, 404, `${last}_not_found`);
                expect(x, name, 404, `${last}_not_found`);
                if (blind(x, [other[last]]) !== blind(gone, [nowhere[last]])) {
                    errors.push(`${name}: ${x.path} is told from what is not there`);
                }
            }

            // what a body or a query names

            const places = [];
            const schema = api.schemaOfBody(op);
            for (const [at, what] of schema ? references(schema) : []) {
                places.push([what, (id) => ({ json: put(example(op), at, id) })]);
            }
            for (const p of op.query) {
                if (p.name === 'cursor' || !names(p.schema)) continue;
                places.push([names(p.schema), (id) => ({ query: `?${p.name}=${id}` })]);
            }

            for (const [what, more] of me.bound || ofCompany ? places : []) {
                const x = await ask(name, own, more(other[what]));
                const gone = await ask(name, own, more(nowhere[what]));
                if (blind(x, [other[what]]) !== blind(gone, [nowhere[what]])) {
                    errors.push(`${name}: ${x.path} with another's ${what} is told from one that is`
                                + ` nowhere: ${x.status} ${x.answer.body.slice(0, 200)}`);
                }
                if (op.method !== 'GET' && x.status !== 404) {
                    errors.push(`${name}: ${x.path} with another's ${what} is ${x.status}`);
                }
            }

            // who may, may: what is refused is the body, or what is not there

            const mine = await ask(name, op.method !== 'GET' && !op.body && op.names.length
                                         ? { ...own, [op.names[op.names.length - 1]]:
                                             nowhere[op.names[op.names.length - 1]] } : own,
                                   { ...quiet, query: op.method === 'GET' && op.query.length ? '?' : '' });

            if ([401, 403].includes(mine.status) || mine.status >= 500
                || (mine.status === 404 && own !== free && op.method === 'GET' && op.names[0] === 'company'))
            {
                errors.push(`${name}: ${op.method} ${mine.path} is ${mine.status} ${mine.answer.body}`);
            }

            // ... and sees nothing of another's

            const others = other === a ? known.a : known.b;
            const own1 = new Set(own === a ? known.a : known.b);
            const leaked = me.role === 'admin' ? []
                : others.filter((id) => id && !own1.has(id) && mine.answer.body.includes(id));
            if (leaked.length) errors.push(`${name}: ${mine.path} shows ${leaked[0]}`);
        }

        const after = [await dump(client, a, []), await dump(client, b, [])];
        errors.push(...differences(before[0], after[0]), ...differences(before[1], after[1]));
        before = after;

        tap(errors.length === 0, `${op.method} ${op.template}`, [...new Set(errors)]);
    }

    console.log(`${client.exchanges} requests`);
});
