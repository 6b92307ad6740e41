// The helper for verification.  That its programs verify: t/portal_verify.t.

import { readFileSync } from 'node:fs';
import { api, env, go, ingest, is, ok, session, waitFor } from './lib.mjs';
import { audit } from './audit.mjs';

export async function run(page) {
    await api('POST', '/companies', { uid: 'veri', name: 'Veri', enabled: true });
    const w = await api('POST', '/companies/veri/webhooks', { url: `${env.RECEIVER}/ok/veri`, events: ['a'] });

    await ingest('veri', 'a', '{"ü": [1, 2.50, "<b>"]}');
    const got = await waitFor('the delivery', () => readFileSync(env.RECEIVED, 'utf8').split('\n').filter(Boolean)
        .map((l) => JSON.parse(l)).find((r) => r.uri === '/ok/veri'));
    const body = Buffer.from(got.body, 'latin1').toString('utf8');

    await session(page, 'veri');
    await page.waitForSelector('.hook');
    await go(page, `/webhooks/${w.id}/verify`);

    const shown = new Set();

    for (const name of ['PHP', 'Python', 'Node', 'Go', 'Ruby', 'C#', 'curl']) {
        await page.click(`[role=tab]:has-text("${name}")`);
        const code = await page.textContent('#sample');

        ok(/X.SIGNATURE/i.test(code) && code.includes('/ok/veri') && !code.includes(w.secret),
           `${name}: for this webhook, without its secret`);
        shown.add(code);
        await page.click('[aria-label="Copy code"]');
        await waitFor('the copy', async () => await page.evaluate(() => navigator.clipboard.readText()) === code);
    }
    is(shown.size, 7, 'seven languages');
    await page.focus('[role=tab][aria-selected=true]');
    await page.keyboard.press('ArrowRight');
    is(await page.evaluate(() => document.activeElement.textContent), 'PHP', 'arrows go round');
    await audit(page, 'verify');

    const check = async (text, signature) => {
        await page.fill('textarea', text);
        await page.fill('.card form input[type=text]', signature);
        await page.click('form >> text=Check');
        await page.waitForSelector('.card form + div .notice');
        const said = await page.innerText('.card form + div .notice');

        await page.evaluate(() => { document.querySelector('.card form + div').replaceChildren(); });
        return said;
    };

    const good = await check(body, got.headers['x-signature']);

    ok(/^Genuine/.test(good) && !/old/.test(good), 'a delivery is genuine', good);
    ok(/^Genuine/.test(await check(`${body}\n`, got.headers['x-signature'].toUpperCase())), '... copied with a line feed');
    ok(/Not genuine/.test(await check(body.replace('2.50', '2.5'), got.headers['x-signature'])), 'one that was changed is not');
    ok(/Not genuine/.test(await check(body, '0'.repeat(64))), 'nor with another signature');
    await page.fill('.card form input[type=text]', 'x');
    await page.click('form >> text=Check');
    await page.waitForSelector('.error:has-text("64 hexadecimal digits")');
    await page.fill('textarea', '');
    await page.click('form >> text=Check');
    await page.waitForSelector('.error:has-text("Paste a body")');
    ok(true, 'what is missing is said');
}
