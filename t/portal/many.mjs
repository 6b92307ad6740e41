// The operator's lists when there is more than a page of each.

import { api, env, go, is, ok, waitFor } from './lib.mjs';
import { audit } from './audit.mjs';

export async function run(page) {
    const all = Array.from({ length: 105 }, (_, i) => i + 1);

    while (all.length) {
        await Promise.all(all.splice(0, 15).map(async (n) => {
            await api('POST', '/companies', { uid: `many${n}`, name: `Many ${n}` });
            await api('POST', `/companies/many${n}/access-requests`, { message: `we are ${n}` });
        }));
    }

    await page.goto(env.PORTAL);
    await page.fill('input[type=password]', env.KEY);
    await page.click('button[type=submit]');
    await page.waitForSelector('.request');
    is(await page.locator('.request').count(), 100, 'a page of requests for access');
    await page.click('text=Older requests');
    await waitFor('the rest', async () => await page.locator('.request').count() >= 105);
    ok(true, 'then the rest');
    is(await page.evaluate(() => document.activeElement.textContent), 'Enable', '... where one goes on');
    is(await page.locator('text=Older requests').count(), 0, 'and that is all');
    await audit(page, 'many requests');
    const last = page.locator('.request').nth(104);
    const name = await last.locator('h2').innerText();

    await last.locator('text=Enable').click();
    await waitFor('it to leave', async () => !(await page.locator('.request h2').allInnerTexts()).includes(name));
    ok(await page.locator('.request').count() >= 104, 'one of them is enabled, and all others stay');

    await go(page, '/operator/companies');
    await page.waitForSelector('tbody tr');
    is(await page.locator('tbody tr').count(), 50, 'a page of companies');
    await page.click('.more >> text=More');
    await waitFor('another', async () => await page.locator('tbody tr').count() === 100);
    await page.click('.more >> text=More');
    await waitFor('the last', async () => await page.locator('tbody tr').count() > 100);
    const rows = await page.$$eval('tbody tr', (l) => l.map((r) => r.querySelector('code').textContent));

    is(new Set(rows).size, rows.length, 'each company once');
    is(rows.filter((uid) => /^many\d+$/.test(uid)).length, 105, 'and all of them');
    is(await page.locator('.more >> text=More').count(), 0, 'then there is no more');

    await page.setViewportSize({ width: 360, height: 780 });
    ok(await page.locator('tbody tr >> nth=0').locator('button').evaluateAll((l) => l.every((b) => {
        const r = b.getBoundingClientRect();
        return r.width > 0 && r.right <= innerWidth;
    })), 'all that can be done with a company is there on a phone');
    await page.setViewportSize({ width: 1280, height: 860 });
}
