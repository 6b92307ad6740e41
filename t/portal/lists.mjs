// The list of webhooks: its search, and what is left of it on a phone.

import { api, env, go, ingest, is, ok, open, session, waitFor } from './lib.mjs';
import { audit } from './audit.mjs';

const names = (page) => page.$$eval('.hook-name > a', (l) => l.map((a) => a.textContent).join());

export async function run(page, context) {
    await api('POST', '/companies', { uid: 'list', name: 'List', enabled: true });
    const make = (description, path, events) => api('POST', '/companies/list/webhooks',
        { url: `${env.RECEIVER}${path}`, events, description });

    for (const n of [1, 2, 3, 4, 5]) {
        await make(`Plain ${n}`, `/ok/plain${n}`, ['a']);
    }
    await make('Tickets', '/status/500/desk', ['fail.now']);

    await session(page, 'list');
    await page.waitForSelector('.hook');
    is(await page.locator('[aria-label="Search webhooks"]').count(), 0, 'six need no search');

    await make('', '/ok/Nameless', ['b.*']);
    await ingest('list', 'a', 1);
    await ingest('list', 'fail.now', 1);
    await waitFor('the attempts', async () => (await api('GET', '/companies/list/stats')).total.attempts === 6);
    await go(page, '/webhooks');

    const search = async (text, want, name) => {
        await page.fill('[aria-label="Search webhooks"]', text);
        is(await names(page), want, name);
    };
    const host = new URL(env.RECEIVER).host;

    await search('tick', 'Tickets', 'by name');
    await search('PLAIN3', 'Plain 3', 'by URL');
    await search('b.*', host, 'by event');
    await search((await api('GET', '/companies/list/webhooks')).data[2].id, 'Plain 5', 'by id');
    await search('<none>', '', 'nothing found');
    ok(await page.isVisible('text=No webhook has this in its name'), '... is said');
    await audit(page, 'webhooks, none found');
    await search('', `${host},Tickets,Plain 5,Plain 4,Plain 3,Plain 2,Plain 1`, 'and all of them');

    // a link in a new tab: the session goes with it, once

    const [tab] = await Promise.all([context.waitForEvent('page'), page.click('text=Tickets', { modifiers: ['Control'] })]);

    await tab.waitForSelector('h1:has-text("Tickets")');
    ok(true, 'a webhook can be opened in a new tab');
    is(await page.textContent('h1'), 'Webhooks', '... and the list stays');
    const alone = await open(context);

    await alone.goto(tab.url());
    await alone.waitForSelector('h1:has-text("Sign in")');
    ok(true, 'one that was not opened from here has to sign in');
    await alone.goto('about:blank');
    await alone.goto(`${env.PORTAL}#/replays`);
    await alone.waitForSelector('h1:has-text("Sign in")');
    is(await alone.evaluate(() => sessionStorage.length), 0, '... and gets nothing');
    await alone.close();
    await tab.close();

    // as wide as a phone

    await page.setViewportSize({ width: 360, height: 780 });
    for (const [name, rate] of [['Plain 1', '100%'], ['Tickets', '0%']]) {
        const row = page.locator('.hook', { hasText: name });

        ok(await row.locator('.hook-rate .figure').isVisible(), `${name}: its success rate is seen on a phone`);
        is(await row.locator('.hook-rate .figure').innerText(), rate, `... ${rate}`);
        ok(await row.locator('.hook-spark svg').isVisible() && await row.locator('.badge').isVisible(), '... with its day and its state');
        ok(await row.evaluate((r) => [...r.querySelectorAll('.badge, .hook-rate, .hook-spark')].every((e) => {
            const b = e.getBoundingClientRect();
            return b.width > 0 && b.left >= 0 && b.right <= innerWidth;
        })), '... inside of its row');
    }
    await page.setViewportSize({ width: 1280, height: 860 });
}
