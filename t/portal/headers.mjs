// What the portal's files are sent with, and that they need nothing else.

import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { env, is, ok } from './lib.mjs';

const WANT = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    + "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

function files(dir) {
    return readdirSync(dir).flatMap((f) => statSync(join(dir, f)).isDirectory() ? files(join(dir, f)) : [join(dir, f)]);
}

export async function run(page) {
    for (const path of ['', 'js/main.js', 'css/base.css', 'no-such-file']) {
        const r = await fetch(env.PORTAL + path);

        await r.text();

        is(r.headers.get('content-security-policy'), WANT, `the policy of ${path || 'the page'}`);
        is([r.headers.get('x-content-type-options'), r.headers.get('referrer-policy'), r.headers.get('x-frame-options'),
            r.headers.get('cache-control')].join(), 'nosniff,no-referrer,DENY,no-cache', `... and the other headers`);
    }

    const html = readFileSync('portal/index.html', 'utf8');

    ok(html.includes(`content="${WANT.replace("; frame-ancestors 'none'", '')}"`), 'the same in the page');
    ok(!/<script>|<style|style=|\son\w+=/.test(html), 'nothing inline in it');

    const all = files('portal');
    const js = all.filter((f) => f.endsWith('.js')).map((f) => [f, readFileSync(f, 'utf8')]);

    is(js.filter(([, t]) => /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|DOMParser/.test(t))
        .map(([f]) => f).join(), '', 'no code makes markup of text');
    is(all.map((f) => [f, readFileSync(f, 'utf8')]).filter(([f, t]) => !f.endsWith('verify-code.js')
        && [...t.matchAll(/https?:\/\/([^/'"`\s)]+)/g)].some((m) => !/example|w3\.org|^$|^\.\.\.|^\$/.test(m[1]))).map(([f]) => f).join(),
       '', 'no other host in any file');
    is(js.filter(([, t]) => t.split('\n').length > 500).map(([f]) => f).join(), '', 'small files');

    is([...html.matchAll(/rel="modulepreload" href="([^"]+)"/g)].map((m) => m[1]).sort().join(),
       js.map(([f]) => f.replace('portal/', '')).filter((f) => !/(main|theme)\.js$/.test(f)).sort().join(), 'each module is asked for at once');

    // the policy holds: what is injected does not run

    await page.goto(env.PORTAL);
    await page.waitForSelector('h1');
    page.on('console', () => page.bad.splice(0));
    is(await page.evaluate(() => new Promise((done) => {
        const s = document.createElement('script');
        s.textContent = 'window.injected = 1';
        document.body.append(s);
        setTimeout(() => done(window.injected), 50);
    })), undefined, 'an inline script does not run');
    is(await page.evaluate(() => fetch('https://example.com/').then(() => 'sent', () => 'refused')), 'refused',
       'nothing is sent to another host');
    page.bad.splice(0);
}
