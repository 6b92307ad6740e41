// Requests to the server under test, byte for byte, and what a test prints.
//
// The Perl file that starts nginx gives a JSON object as the first argument:
// {port, admin, keys, ...}; what is to be told to it goes to standard output
// as lines of TAP: "ok - what" and "not ok - what".

'use strict';

const http = require('http');

const agent = new http.Agent({ keepAlive: true, maxSockets: 32 });

class Client {
    constructor(config) {
        this.port = config.port;
        this.admin = config.admin;            // the prefix, without its slash
        this.key = config.key;
        this.exchanges = 0;
        this.watch = () => {};
    }

    // path: "/events" as it is, all others below the admin location.  Options:
    // key (null: none), headers, body (string of bytes), json.

    request(method, target, o = {}) {
        const headers = { ...(o.headers || {}) };
        const key = o.key === undefined ? this.key : o.key;
        let body = o.body;

        if (o.json !== undefined) body = Buffer.from(JSON.stringify(o.json)).toString('latin1');
        if (key) headers.authorization = `Bearer ${key}`;

        if (body !== undefined) {
            body = Buffer.from(body, 'latin1');
            headers['content-length'] = body.length;
            if (headers['content-type'] === undefined) {
                headers['content-type'] = o.type || 'application/json';
            }
        } else if (method !== 'GET' && method !== 'HEAD') {
            headers['content-length'] = 0;
        }

        const full = /^\/events(\?|$)/.test(target) ? target : this.admin + target;

        return this.send(method, full, headers, body).then((answer) => {
            const x = { method, path: target, headers, status: answer.status, answer,
                        body: body ? body.toString('latin1') : '' };
            this.exchanges++;
            this.watch(x);

            try {
                x.json = JSON.parse(Buffer.from(answer.body, 'latin1').toString());
            } catch (e) {
                x.json = undefined;
            }

            return x;
        });
    }

    send(method, full, headers, body, again = true) {
        return new Promise((done, failed) => {
            const r = http.request({ host: '127.0.0.1', port: this.port, method, agent,
                                     path: full, headers, timeout: 60000 }, (answer) => {
                const parts = [];
                answer.on('data', (part) => parts.push(part));
                answer.on('error', failed);
                answer.on('end', () => done({
                    status: answer.statusCode,
                    headers: answer.headers,
                    body: Buffer.concat(parts).toString('latin1'),
                }));
            });

            r.on('timeout', () => r.destroy(new Error(`no answer: ${method} ${full}`)));
            r.on('error', (e) => {
                // a connection that the server closed as it was used again, or
                // one that it closed after it had refused a body
                if (again && r.reusedSocket && (e.code === 'ECONNRESET' || e.code === 'EPIPE')) {
                    this.send(method, full, headers, body, false).then(done, failed);
                } else {
                    failed(e);
                }
            });

            r.end(body);
        });
    }

    async ok(method, target, o = {}) {
        const x = await this.request(method, target, o);
        if (x.status >= 300) throw new Error(`${method} ${target}: ${x.status} ${x.answer.body}`);
        return x.json;
    }

    async until(what, test) {
        const end = Date.now() + 20000 * Number(process.env.WEBHOOK_SLOW || 1);

        for (;;) {
            const r = await test();
            if (r) return r;
            if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
            await new Promise((next) => setTimeout(next, 20));
        }
    }
}

let failures = 0;

function tap(good, what, errors = []) {
    console.log(`${good ? 'ok' : 'not ok'} - ${what.replace(/[#\n]/g, ' ')}`);
    if (good) return;
    failures++;
    for (const e of errors.slice(0, 20)) console.log(`# ${String(e).replace(/\n/g, '\n# ')}`);
}

// Runs a test: main(client, config); whatever it throws is a failure.

function run(main) {
    const config = JSON.parse(process.argv[2]);

    main(new Client(config), config).catch((e) => {
        tap(false, 'the test runs', [e.stack]);
    }).finally(() => {
        agent.destroy();
        process.exitCode = failures ? 1 : 0;
    });
}

module.exports = { Client, tap, run };
