// Data that would like to be markup, wherever it can come from.

import { api, env, go, ingest, is, ok, session, waitFor } from './lib.mjs';

const EVIL = '<script>alert(1)</script>"><img src=x onerror=alert(2)>\u202Egnp.exe\u202C&lt;b&gt;';
const SHOWN = '<script>alert(1)</script>"><img src=x onerror=alert(2)>\\u202egnp.exe\\u202c&lt;b&gt;';

export async function run(page) {
    const c = await api('POST', '/companies', { uid: 'evil', name: EVIL, enabled: false });

    await api('POST', '/companies/evil/access-requests', { message: EVIL });

    const answer = encodeURIComponent('<svg onload=alert(3)>');
    const make = (path, more) => api('POST', '/companies/evil/webhooks', { url: env.RECEIVER + path, events: ['e.*'],
        description: EVIL, ...more });

    await api('POST', '/event-types', { name: 'e.vil', description: EVIL });

    const alive = async (name) => {
        const found = await page.evaluate(() => document.querySelectorAll(
            'body script, body img, body iframe, body object, body embed, body b i, [onerror], [onload], svg[onload]').length);

        is(found, 0, `${name}: no markup has become alive`);
        ok(page.bad.length === 0, `${name}: and nothing ran`, page.bad.splice(0).join('\n'));
    };
    const has = async (name, selector, want = SHOWN) => {
        const text = await page.textContent(selector);

        ok(text.includes(want), `${name}: it is text`, text.slice(0, 400));
        await alive(name);
    };

    // the operator

    await page.goto(env.PORTAL);
    await page.fill('input[type=password]', env.KEY);
    await page.click('button[type=submit]');
    await page.waitForSelector('.request blockquote');
    await has('access requests', '.rows');
    await api('PATCH', '/companies/evil', { enabled: true });
    await go(page, '/operator/companies');
    await has('companies', 'tbody');
    await page.locator('tr', { hasText: 'gnp.exe' }).locator('text=Disable').click();
    await has('a question', 'dialog');
    await page.keyboard.press('Escape');
    await page.click('[aria-label="Sign out"]');

    // the portal

    const w = await make(`/say/200/${answer}?q=%3Cscript%3E&x='%22`, { headers: { 'X-Evil': '"><img>' } });
    const bad = await make('/header/500/X-Evil:%20%3Cimg%20src=x%20onerror=alert(4)%3E', { retry_delays: ['1h'] });
    const id = await ingest('evil', 'e.vil', JSON.stringify({ [EVIL]: EVIL, list: [EVIL, '\u0000\u001b[31m'] }));

    await waitFor('the attempts', async () => {
        const list = (await api('GET', '/companies/evil/webhook-events')).data;
        return list.length === 2 && list.every((e) => e.status === 'delivered' || e.waiting_for === 'schedule');
    });

    await session(page, 'evil');
    await page.waitForSelector('.hook');
    await has('the bar', '.company');
    await has('webhooks', '.hooks');
    for (const part of ['', '/settings', '/verify', '/edit']) {
        await go(page, `/webhooks/${w.id}${part}`);
        await has(`a webhook${part}`, part === '/edit' ? '.back' : 'main');
    }
    await page.uncheck('[data-name="e.*"]');
    await has('the catalogue', '.tree');
    for (const language of ['PHP', 'Python', 'Node', 'Go', 'Ruby', 'C#', 'curl']) {
        await go(page, `/webhooks/${w.id}/verify`);
        await page.click(`[role=tab]:has-text("${language}")`);
        ok(!/<script>|%3Cscript/.test(await page.textContent('#sample')) || language === 'curl', `${language}: its path is plain`);
    }
    ok((await page.textContent('#sample')).includes("'\\''"), 'curl: the URL is quoted');

    await go(page, `/webhooks/${w.id}`);
    await page.click('text=Send test event');
    await page.waitForSelector('.test-row.good');
    await has('a test', '.answer', '<svg onload=alert(3)>');
    await go(page, `/webhooks/${bad.id}`);
    await page.waitForSelector('.notice.bad');
    await alive('a webhook that fails');

    await go(page, '/events');
    await has('events', '.timeline');
    await page.click('.event-row >> nth=1 >> .fold');
    await page.waitForSelector('.target');
    await has('an opened event', '.panel:not([hidden])');
    await page.fill('[name=q]', '<script>');
    await page.waitForSelector('.event-row');
    await alive('a search');

    await go(page, `/events/${id}`);
    await page.waitForSelector('.attempt');
    await page.$$eval('details.attempt, details.target-box', (l) => l.forEach((d) => { d.open = true; }));
    await has('an event', 'pre.code', '<script>alert(1)</script>');
    ok(!/[\u202A-\u202E\u2066-\u2069]/.test(await page.textContent('main')), 'nothing turns the direction of text');
    await has('a response', '.target-box:has-text("svg onload")', '<svg onload=alert(3)>');
    await has('the head of one', 'main', '<img src=x onerror=alert(4)>');
    await page.check('.segmented input[value=raw]');
    await alive('the raw payload');
    await page.click('[aria-label="Copy payload"]');
    await waitFor('the copy', async () => JSON.parse(await page.evaluate(() => navigator.clipboard.readText()))[EVIL] === EVIL);
    ok(true, 'what is copied is what it was');

    // addresses

    await page.evaluate(() => { location.hash = '/webhooks/<img src=x onerror=alert(5)>'; });
    page.expected = [404];
    await page.waitForSelector('h1:has-text("Not found")');
    await alive('an address');
    await page.evaluate(() => { location.hash = '/events?event=%3Cimg%20src%3Dx%3E&q=%22%3E%3Cscript%3E&webhook=x&status=%00'; });
    page.expected = [404, 400];
    await page.waitForSelector('.notice.bad');
    await alive('the query of one');
    await api('DELETE', `/companies/${c.id}`);
}
