// docs/openapi.yaml for the tests in Node: its operations, and whether an
// exchange is as it says.
//
// An exchange is {method, path, headers, body, status, answer: {headers, body}}:
// bodies are strings of bytes (latin1), headers' names are in lower case.
//
// Answers are held to the letter: a member that the document does not name is
// an error too, although clients are to ignore such.

'use strict';

const fs = require('fs');
const path = require('path');
const url = require('url');
const YAML = require('yaml');
const Ajv2020 = require('ajv/dist/2020').default;
const formats = require('ajv-formats').default;

const file = path.join(__dirname, '../../../docs/openapi.yaml');
const source = fs.readFileSync(file, 'utf8');
const document = YAML.parse(source);

const METHODS = ['get', 'post', 'patch', 'delete'];

// Follows a $ref; its siblings are its user's.

function resolve(node) {
    while (node && typeof node.$ref === 'string') {
        node = node.$ref.slice(2).split('/').reduce(
            (at, step) => at[step.replace(/~1/g, '/').replace(/~0/g, '~')], document);
    }

    return node;
}

// The values of a keyword, through $ref and allOf: the user's first.

function keyword(schema, name) {
    const found = [];

    for (let node = schema; node; node = node.$ref ? resolve({ $ref: node.$ref }) : null) {
        if (node[name] !== undefined) found.push(node[name]);
        for (const part of node.allOf || []) found.push(...keyword(part, name));
        if (!node.$ref) break;
    }

    return found;
}

// A schema whose objects have no members but those that it names: wherever a
// value stands, what no part of its schema has looked at is an error.

function closed(schema, value = true) {
    if (typeof schema !== 'object' || schema === null) return schema;
    if (Array.isArray(schema)) return schema.map((s) => closed(s, false));

    const copy = { ...schema };

    for (const name of ['properties', '$defs']) {
        if (!schema[name]) continue;
        copy[name] = {};
        for (const [key, s] of Object.entries(schema[name])) copy[name][key] = closed(s);
    }

    for (const name of ['items', 'additionalProperties']) {
        if (schema[name] !== undefined) copy[name] = closed(schema[name]);
    }

    for (const name of ['allOf', 'anyOf', 'oneOf', 'if', 'then', 'else']) {
        if (schema[name] !== undefined) copy[name] = closed(schema[name], false);
    }

    const named = keyword(schema, 'properties').length
                  || (schema.oneOf || []).some((s) => keyword(s, 'properties').length);

    if (value && named && !keyword(schema, 'additionalProperties').length) {
        copy.unevaluatedProperties = false;
    }

    return copy;
}

function ajv(components) {
    const instance = new Ajv2020({ strict: false, allErrors: true,
                                   validateFormats: true });
    formats(instance);
    instance.addSchema({ $id: 'http://document/', components });

    return instance;
}

const strictComponents = { schemas: {} };

for (const [name, schema] of Object.entries(document.components.schemas)) {
    strictComponents.schemas[name] = closed(schema, false);
}

const answers = ajv(strictComponents);
const requests = ajv(document.components);
const compiled = new Map();

function absolute(schema) {
    return JSON.parse(JSON.stringify(schema, (key, value) =>
        key === '$ref' ? value.replace(/^#/, 'http://document/#') : value));
}

function compile(instance, schema) {
    const key = (instance === answers ? 'a' : 'r') + JSON.stringify(schema);

    if (!compiled.has(key)) {
        compiled.set(key, instance.compile(absolute(
            instance === answers ? closed(schema) : schema)));
    }

    return compiled.get(key);
}

function check(instance, schema, value, what) {
    const validate = compile(instance, schema);

    return validate(value) ? []
        : validate.errors.map((e) => `${what}${e.instancePath} ${e.message} ${JSON.stringify(e.params)}`);
}

// The operations: {id, method, path, template, roles, params, body, responses}.

const operations = [];

for (const [template, item] of Object.entries(document.paths)) {
    for (const method of METHODS) {
        const op = item[method];
        if (!op) continue;

        const params = [...(item.parameters || []), ...(op.parameters || [])].map(resolve);
        const responses = {};

        for (const [status, response] of Object.entries(op.responses)) {
            responses[status] = resolve(response);
        }

        operations.push({
            id: op.operationId,
            method: method.toUpperCase(),
            template,
            ingest: template === '/events',
            pattern: new RegExp('^' + template.replace(/[.]/g, '\\.')
                                              .replace(/\{\w+\}/g, '([^/]+)') + '$'),
            names: [...template.matchAll(/\{(\w+)\}/g)].map((m) => m[1]),
            roles: op['x-roles'],
            params,
            query: params.filter((p) => p.in === 'query'),
            body: op.requestBody ? resolve(op.requestBody) : null,
            responses,
        });
    }
}

// The "code"s that a response of a status may have; [''] for none.

function codes(response) {
    const problem = (response.content || {})['application/problem+json'];
    if (!problem) return [''];

    const code = keyword(problem.schema, 'properties').map((p) => p.code)
                 .find((c) => c && c.enum);

    return code.enum;
}

function find(method, target) {
    let pathname;

    try {
        pathname = decodeURIComponent(target.split('?')[0])      // as nginx does
                   .replace(/\/{2,}/g, '/');
    } catch (e) {
        return undefined;
    }

    const wanted = method === 'HEAD' ? 'GET' : method;

    return operations.find((op) => op.method === wanted && op.pattern.test(pathname));
}

function schemaOfBody(op, type) {
    const media = op.body && op.body.content[type || 'application/json'];
    return media && media.schema;
}

function mediaType(headers) {
    return (headers['content-type'] || '').split(';')[0].trim().toLowerCase();
}

// What is wrong with an exchange; its coverage key "id status code" in "seen".

function validate(x, seen) {
    const op = find(x.method, x.path);

    if (!op) return problemOnly(x);

    const errors = [];
    const response = op.responses[x.status];
    const where = `${x.method} ${x.path}: ${x.status}`;

    if (!response) {
        return [`${where} is not documented: ${x.answer.body.slice(0, 300)}`];
    }

    for (const [name, h] of Object.entries(response.headers || {})) {
        const header = resolve(h);
        const value = x.answer.headers[name.toLowerCase()];

        if (value === undefined) {
            if (header.required) errors.push(`${where}: there is no ${name}`);
        } else {
            errors.push(...check(answers, header.schema, value, `${where} ${name}`));
        }
    }

    let code = '';
    const type = mediaType(x.answer.headers);
    const content = response.content || {};

    if (Object.keys(content).length === 0) {
        if (x.answer.body !== '') errors.push(`${where}: a body that is not documented`);

    } else if (x.answer.body === '' && content['application/x-ndjson'] && type === '') {
        // no lines, no body

    } else if (!content[type]) {
        errors.push(`${where}: the type "${type}" is not documented`);

    } else if (x.method !== 'HEAD') {
        const texts = type === 'application/x-ndjson'
                      ? x.answer.body.split('\n').slice(0, -1) : [x.answer.body];
        const schema = content[type]['x-line'] || content[type].schema;

        for (const text of texts) {
            let value = Buffer.from(text, 'latin1').toString();

            if (/json$/.test(type)) {
                try {
                    value = JSON.parse(value);
                } catch (e) {
                    errors.push(`${where}: no JSON: ${text.slice(0, 300)}`);
                    continue;
                }
            }

            errors.push(...check(answers, schema, value, `${where} `));
            if (type === 'application/problem+json') code = value.code;
        }
    }

    errors.push(...accepted(op, x, where));

    if (seen) seen.add(`${op.id} ${x.status} ${code}`.trim());

    return errors;
}

// What was accepted is valid by the document.

function accepted(op, x, where) {
    if (x.status >= 300) return [];

    const errors = [];
    const type = mediaType(x.headers || {});
    const schema = x.body && schemaOfBody(op, type);

    if (schema && type !== 'application/x-ndjson') {
        const value = JSON.parse(Buffer.from(x.body, 'latin1').toString());
        errors.push(...check(requests, schema, value, `${where} accepts a body: `));
    }

    const query = new URLSearchParams(x.path.split('?')[1] || '');

    for (const p of op.query) {
        let value = query.get(p.name);
        if (value === null) continue;
        if (p.schema.type === 'integer' && /^\d+$/.test(value)) value = Number(value);
        if (['since', 'until'].includes(p.name)) value = value.replace(/ (?=\d\d:\d\d$)/, '+');
        errors.push(...check(requests, p.schema, value, `${where} accepts "${p.name}": `));
    }

    return errors;
}

// Beside the operations there is 404, 405 and, before them, 401 and 503.

function problemOnly(x) {
    const where = `${x.method} ${x.path}: ${x.status}`;
    const wanted = { 401: ['unauthorized'], 404: ['not_found'], 405: ['method_not_allowed'],
                     403: ['role_forbidden'], 503: ['store_unavailable', 'store_busy'] };

    if (!wanted[x.status] || mediaType(x.answer.headers) !== 'application/problem+json') {
        return [`${where} is not documented`];
    }

    if (x.method === 'HEAD') return [];

    const problem = JSON.parse(x.answer.body);
    const errors = check(answers, { $ref: '#/components/schemas/Problem' }, problem, `${where} `);

    if (!wanted[x.status].includes(problem.code)) errors.push(`${where}: ${problem.code}`);
    if (x.status === 405 && !x.answer.headers.allow) errors.push(`${where}: no Allow`);

    return errors;
}

// The document itself, by its own schema, and its examples by theirs.

async function validateDocument() {
    const name = '@seriousme/openapi-schema-validator';
    const dir = path.join(process.env.NODE_PATH.split(':')[0], name);
    const { Validator } = await import(url.pathToFileURL(path.join(dir, 'index.js')));
    const result = await new Validator().validate(YAML.parse(source));
    const errors = [];

    if (!result.valid) errors.push(...[].concat(result.errors).map((e) => JSON.stringify(e)));

    for (const op of operations) {
        if (!op.id) errors.push(`${op.method} ${op.template} has no operationId`);
        if (!Array.isArray(op.roles)) errors.push(`${op.id} has no x-roles`);
        if (!op.responses[401] && op.roles) errors.push(`${op.id} has no 401`);

        for (const [status, r] of Object.entries(op.responses)) {
            for (const media of Object.values(r.content || {})) {
                if (media.example === undefined || media['x-line']) continue;
                errors.push(...check(answers, media.schema, media.example, `${op.id} ${status} example `));
            }
        }

        for (const [type, media] of Object.entries((op.body || {}).content || {})) {
            if (media.example === undefined || type === 'application/x-ndjson') continue;
            errors.push(...check(requests, media.schema, media.example, `${op.id} example `));
        }
    }

    const ids = operations.map((op) => op.id);
    if (new Set(ids).size !== ids.length) errors.push('an operationId is there twice');

    return errors;
}

module.exports = { document, operations, resolve, keyword, codes, find, validate,
                   validateDocument, schemaOfBody, check, requests, answers };
