// The live tail when much happens: nothing is left out, and it has an end.

import { api, env, go, is, ok, session, waitFor } from './lib.mjs';

let sent = 0;

/* So many events at once; nobody wants them. */

async function burst(n) {
    const lines = Array.from({ length: n }, () => JSON.stringify({ company: 'flow', event: 'flow.on', payload: ++sent })).join('\n');
    const answer = await fetch(env.EVENTS, { method: 'POST', body: lines,
        headers: { Authorization: `Bearer ${env.KEY}`, 'Content-Type': 'application/x-ndjson' } });

    if (!answer.ok) {
        throw new Error(await answer.text());
    }
    await answer.text();
}

const ids = (page) => page.$$eval('.event-row', (l) => l.map((r) => r.dataset.id));

async function newest(n) {
    const found = [];
    let cursor = '';

    while (found.length < n) {
        const p = await api('GET', `/companies/flow/messages?limit=250${cursor && `&cursor=${cursor}`}`);

        found.push(...p.data.map((m) => m.id));
        if (!(cursor = p.next_cursor)) {
            break;
        }
    }

    return found.slice(0, n).join();
}

export async function run(page) {
    await api('POST', '/companies', { uid: 'flow', name: 'Flow', enabled: true });
    await burst(3);
    await session(page, 'flow');
    await page.waitForSelector('text=Add your first webhook');
    await go(page, '/events');
    await page.click('button:has-text("Live")');

    const count = (n) => waitFor(`${n} rows`, async () => await page.locator('.event-row').count() === n);

    await burst(180);
    await count(183);
    is((await ids(page)).join(), await newest(183), 'more than a page between two looks: none is left out, all in order');

    await burst(400);
    await count(583);
    await page.check('.event-row input >> nth=-1');
    await burst(450);
    await count(500);
    is((await ids(page)).join(), await newest(500), 'more than a thousand rows: the newest 500 stay');
    ok(/Live keeps the newest 500/.test(await page.innerText('.more')), '... and that is said');
    ok(/500 events listed/.test(await page.innerText('.selection')), 'what was selected further back is not any more');

    // more than it can follow

    await burst(700);
    await waitFor('the newest', async () => (await ids(page)).join() === await newest(500));
    ok(true, 'what is too much begins anew with the newest');

    await page.click('button:has-text("Live")');
    await page.waitForSelector('text=Older events');
    is(await page.locator('.event-row').count(), 50, 'switched off: one can go back from the newest');
    await page.click('text=Older events');
    await waitFor('more', async () => await page.locator('.event-row').count() === 100);
    is((await ids(page)).join(), await newest(100), '... without a gap');
}
