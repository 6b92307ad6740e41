// The filters of the timeline, and the address that keeps them.

import { api, env, go, ingest, is, ok, session, waitFor } from './lib.mjs';
import { audit } from './audit.mjs';

export async function run(page) {
    await api('POST', '/companies', { uid: 'filt', name: 'Filt', enabled: true });
    const good = await api('POST', '/companies/filt/webhooks', { url: `${env.RECEIVER}/ok`, events: ['a', 'b'], description: 'Good' });
    const bad = await api('POST', '/companies/filt/webhooks', { url: `${env.RECEIVER}/status/500`, events: ['b'], description: 'Bad',
        retry_delays: [] });
    const ids = [await ingest('filt', 'a', '{"text":"Needle & <b>"}'), await ingest('filt', 'b', '{"n":2}'),
                 await ingest('filt', 'c', '{"n":3}')];

    await waitFor('all to end', async () =>
        (await api('GET', '/companies/filt/webhook-events?status=pending')).data.length === 0
        && (await api('GET', '/companies/filt/webhook-events')).data.length === 3);
    const failed = (await api('GET', '/companies/filt/webhook-events?status=failed')).data[0];

    await session(page, 'filt');
    await page.waitForSelector('.hook');
    await go(page, '/events');

    const shown = async (want, name) => {
        let got;
        try {
            await waitFor(name, async () => {
                got = await page.$$eval('.event-row', (l) => l.map((r) => r.dataset.id).join());
                return got === want.join() && !await page.locator('main .skeleton').count();
            }, 5);
        } catch (e) {
            // told below
        }
        is(got, want.join(), name);
    };
    const clear = async () => {
        await page.click('text=Clear');
        await shown([ids[2], ids[1], ids[0]], 'cleared: all');
    };

    await shown([ids[2], ids[1], ids[0]], 'all');
    await page.selectOption('[name=status]', 'failed');
    await shown([ids[1]], 'by status');
    is(new URL(page.url()).hash, '#/events?status=failed', 'in the address');
    await page.reload();
    await page.waitForSelector('.event-row');
    await shown([ids[1]], '... which keeps it');
    is(await page.inputValue('[name=status]'), 'failed', '... and says so');
    await audit(page, 'events, filtered');
    await page.selectOption('[name=status]', 'cancelled');
    await page.waitForSelector('text=No event matches');
    ok(true, 'none matches: what to do');
    await audit(page, 'no event matches');
    await clear();
    await page.selectOption('[name=webhook]', bad.id);
    await shown([ids[1]], 'by webhook');
    await page.selectOption('[name=webhook]', good.id);
    await shown([ids[1], ids[0]], '... and another');
    await clear();
    await page.fill('[name=event]', 'a');
    await shown([ids[0]], 'by name');
    await page.fill('[name=event]', 'a*');
    await page.waitForSelector('.filters .hint:has-text("whole name")');
    await shown([ids[2], ids[1], ids[0]], 'a name that is none is no filter');
    ok(await page.getAttribute('[name=event]', 'aria-invalid') === 'true', '... and says so');
    await audit(page, 'a name that is none');
    await clear();
    ok(!await page.isVisible('.filters .hint'), '... until it is gone');
    await go(page, '/events?status=bogus&since=garbage&event=a*&range=x&webhook=%3Cb%3E');
    await shown([ids[2], ids[1], ids[0]], 'an address that makes no sense is no filter');
    await page.fill('[name=q]', 'Needle & <b>');
    await shown([ids[0]], 'by text in the payload');
    await page.fill('[name=q]', 'needle');
    await page.waitForSelector('text=No event matches');
    ok(true, '... in its case');
    await page.fill('[name=q]', ids[2]);
    await shown([ids[2]], 'by the id of an event');
    await page.fill('[name=q]', failed.id);
    await shown([ids[1]], '... of a webhook event');
    await page.selectOption('[name=status]', 'failed');
    await page.fill('[name=q]', ids[1]);
    await shown([ids[1]], '... and with a status');
    await clear();
    await page.selectOption('[name=range]', '1h');
    await shown([ids[2], ids[1], ids[0]], 'by time');
    await page.selectOption('[name=range]', 'custom');
    await page.fill('[name=since]', '2099-01-01T00:00');
    await page.waitForSelector('text=No event matches');
    ok(true, 'a range of one’s own');
    await page.fill('[name=since]', '2020-01-01T00:00');
    await page.fill('[name=until]', '2099-01-01T00:00');
    await shown([ids[2], ids[1], ids[0]], '... with all of them');
    await audit(page, 'events, in a range');
    await clear();
}
