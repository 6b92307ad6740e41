/*
 * What the browser tests share: clients of the API, Chromium, results as TAP.
 */

import { createRequire } from 'node:module';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const require = createRequire(import.meta.url);
const { chromium } = require('playwright-core');

export const env = process.env;
export const slow = Number(env.WEBHOOK_SLOW || 1);

let tests = 0, failures = 0;


export function ok(value, name, why = '') {
    tests++;
    if (!value) {
        failures++;
    }
    console.log(`${value ? 'ok' : 'not ok'} ${tests} - ${name.replace(/[#\n]/g, ' ')}`);
    if (!value && why) {
        console.log(String(why).split('\n').map((l) => `# ${l}`).join('\n'));
    }
    return !!value;
}


export function is(got, want, name) {
    return ok(got === want, name, `got ${JSON.stringify(got)}\nwant ${JSON.stringify(want)}`);
}


export function diag(text) {
    console.log(`# ${text}`);
}


export function done() {
    console.log(`1..${tests}`);
    process.exitCode = failures ? 1 : 0;
}


/* The API with the root key. */

export async function api(method, path, body) {
    const answer = await fetch(env.API + path, {
        method, headers: { Authorization: `Bearer ${env.KEY}`, 'Content-Type': 'application/json' },
        body: body === undefined ? undefined : JSON.stringify(body),
    });
    const text = await answer.text();

    if (!answer.ok) {
        throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    }

    return text ? JSON.parse(text) : null;
}


/* The payload is text, to the byte. */

export async function ingest(company, event, payload = '{}') {
    const answer = await fetch(env.EVENTS, {
        method: 'POST', headers: { Authorization: `Bearer ${env.KEY}`, 'Content-Type': 'application/json' },
        body: `{"company":"${company}","event":"${event}","payload":${payload}}`,
    });

    if (answer.status !== 202) {
        throw new Error(`ingest: ${answer.status} ${await answer.text()}`);
    }

    return (await answer.json()).id;
}


export async function waitFor(what, f, seconds = 15) {
    const until = Date.now() + seconds * 1000 * slow;

    for (;;) {
        const got = await f();

        if (got) {
            return got;
        }

        if (Date.now() > until) {
            throw new Error(`waited in vain for ${what}`);
        }

        await new Promise((r) => { setTimeout(r, 50); });
    }
}


/* A new empty profile each time; no request of the browser's own. */

export async function browser() {
    const dir = mkdtempSync(join(tmpdir(), 'portal-chromium-'));
    const context = await chromium.launchPersistentContext(dir, {
        executablePath: env.CHROMIUM || '/usr/bin/chromium', headless: true,
        args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
               '--disable-component-update', '--disable-sync'],
        viewport: { width: 1280, height: 860 }, locale: 'en-GB', timezoneId: env.PORTAL_TZ || 'UTC',
        permissions: ['clipboard-read', 'clipboard-write'],
    });

    context.setDefaultTimeout(10000 * slow);

    return { context, end: async () => {
        await context.close();
        rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
    } };
}


/*
 * A page that keeps what must not be: errors in the console, requests to other
 * hosts, dialogs (which only markup that became alive could open).
 */

export async function open(context) {
    const page = await context.newPage();
    const bad = [];
    const own = new URL(env.PORTAL).origin;

    page.expected = [];                 // statuses of the API that a test provokes
    page.bad = bad;
    page.on('console', (m) => {
        if (m.type() === 'error' || m.type() === 'warning') {
            const provoked = page.expected.findIndex((code) => m.text().includes(`status of ${code}`));

            if (provoked < 0) {
                bad.push(`console: ${m.text()} ${m.location()?.url || ''}`);
            }
        }
    });
    page.on('pageerror', (e) => bad.push(`error: ${e.stack || e}`));
    page.on('dialog', (d) => { bad.push(`dialog: ${d.message()}`); d.dismiss(); });
    page.on('request', (r) => {
        const url = new URL(r.url());

        if (url.origin !== own && url.protocol !== 'data:') {
            bad.push(`request to ${r.url()}`);
        }
    });

    return page;
}


/* A session of a company's portal, as its provider's application opens it. */

export async function session(page, company) {
    const s = await api('POST', `/companies/${company}/portal-sessions`, { expires_in: '2h' });
    const c = await api('GET', `/companies/${company}`);

    await page.goto('about:blank');
    await page.goto(`${env.PORTAL}#token=${s.token}&company=${c.id}`);

    return s;
}


export async function go(page, path) {
    const old = await page.evaluate(() => {
        const h = document.querySelector('main h1');
        if (h) {
            h.dataset.old = '1';
        }
        return location.hash;
    });

    if (old === `#${path}`) {
        await page.evaluate(() => { dispatchEvent(new HashChangeEvent('hashchange')); });
    } else {
        await page.evaluate((p) => { location.hash = p; }, path);
    }

    await page.waitForSelector('main h1:not([data-old])');
    await page.waitForFunction(() => !document.querySelector('main .skeleton'));
}
