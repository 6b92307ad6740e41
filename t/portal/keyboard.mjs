// Without a mouse, and for who wants less motion or other colours.

import { api, env, go, ingest, is, ok, session, waitFor } from './lib.mjs';

const focused = (page) => page.evaluate(() => {
    const e = document.activeElement;
    return (e.getAttribute('aria-label') || e.textContent || e.tagName).trim();
});

export async function run(page) {
    await api('POST', '/companies', { uid: 'keys', name: 'Keys', enabled: true });
    const w = await api('POST', '/companies/keys/webhooks', { url: `${env.RECEIVER}/ok`, events: ['a'], description: 'Only' });

    const id = await ingest('keys', 'a', 1);

    await waitFor('the delivery', async () => (await api('GET', '/companies/keys/webhook-events?status=delivered')).data.length === 1);
    await session(page, 'keys');
    await page.waitForSelector('.hook');

    await page.keyboard.press('Tab');
    is(await focused(page), 'Skip to the content', 'the first stop skips the bar');
    await page.keyboard.press('Enter');
    is(await page.evaluate(() => document.activeElement.id), 'main', '... and does');
    is(await page.evaluate(() => location.hash), '#/', '... without going anywhere');
    await page.keyboard.press('Tab');
    is(await focused(page), 'Add webhook', 'then what one can do');
    await page.keyboard.press('Tab');
    is(await focused(page), 'Only', 'then the webhooks');
    await page.keyboard.press('Enter');
    await page.waitForSelector('h1:has-text("Only")');
    is(await focused(page), 'Only', 'a new screen takes the focus to its heading');
    await page.waitForFunction(() => document.getElementById('said').textContent === 'Only');
    ok(true, '... and is told');
    is(await page.title(), 'Only · Keys', '... and the title says where one is');

    // every stop can be seen

    await go(page, `/webhooks/${w.id}/settings`);
    const unseen = [];
    for (let i = 0; i < 25; i++) {
        await page.keyboard.press('Tab');
        const seen = await page.evaluate(() => {
            const e = document.activeElement;
            const style = getComputedStyle(e), after = getComputedStyle(e, '::after');
            return e === document.body || (style.outlineStyle !== 'none' && style.outlineWidth !== '0px')
                || after.outlineStyle !== 'none' ? '' : e.outerHTML.slice(0, 120);
        });
        if (seen) {
            unseen.push(seen);
        }
    }
    is(unseen.join('\n'), '', 'every stop can be seen');

    // dialogs keep the focus, and give it back

    await page.focus('.stop button:has-text("Delete")');
    await page.keyboard.press('Enter');
    await page.waitForSelector('dialog');
    for (let i = 0; i < 8; i++) {
        await page.keyboard.press('Tab');
    }
    ok(await page.evaluate(() => document.activeElement === document.body || !!document.activeElement.closest('dialog')),
       'a dialog keeps the focus');
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => !document.querySelector('dialog'));
    is(await focused(page), 'Delete', 'and gives it back');

    // a choice by arrows

    await go(page, `/webhooks/${w.id}`);
    await page.focus('.segmented input[value="24h"]');
    await page.keyboard.press('ArrowRight');
    await waitFor('7 days', async () => /range=7d/.test(page.url()));
    ok(true, 'ranges by arrows');

    // what can be touched is large enough

    await page.setViewportSize({ width: 390, height: 800 });
    for (const path of ['/webhooks', `/webhooks/${w.id}`, `/webhooks/${w.id}/verify`, `/webhooks/${w.id}/settings`, `/webhooks/${w.id}/edit`,
                        `/events?webhook=${w.id}`, `/events/${id}`, '/replays', '/webhooks/new']) {
        await go(page, path);
        const small = await page.$$eval('button, a.button, summary, label.check, label.pick, .segmented label, input:not([type=checkbox]):not([type=radio]), select, '
            + '.main-nav a, .tabs a, .back, .brand', (l) =>
            l.filter((e) => e.checkVisibility()).map((e) => [e, e.getBoundingClientRect()])
                .filter(([, r]) => r.width > 0 && (r.width < 24 || r.height < 24)).map(([e]) => e.outerHTML.slice(0, 100)));
        is(small.join('\n'), '', `targets of ${path} have 24 pixels`);
    }
    await page.setViewportSize({ width: 1280, height: 860 });

    // colours

    const ground = () => page.evaluate(() => getComputedStyle(document.documentElement).backgroundColor);
    const light = await ground();

    await page.emulateMedia({ colorScheme: 'dark' });
    const dark = await ground();

    ok(light !== dark, 'dark where the system is');
    is(await page.getAttribute('.top-end .button >> nth=0', 'title'), 'Colours: as the system', 'the switch says what it is at');
    await page.click('[aria-label^="Colours: as the system"]');
    is(await ground(), light, 'light by the switch');
    is(await page.evaluate(() => [document.activeElement.getAttribute('aria-label'), document.activeElement.title].join('|')),
       'Colours: light. Change|Colours: light', '... which says so, and keeps the focus');
    await page.reload();
    await page.waitForSelector('h1');
    is(await ground(), light, '... also after a reload');
    await page.click('[aria-label^="Colours: light"]');
    is(await ground(), dark, 'dark by the switch');
    is(await page.evaluate(() => localStorage.getItem('webhook-portal-theme')), 'dark', '... for the next time, too');
    await page.click('[aria-label^="Colours: dark"]');
    await page.emulateMedia({ colorScheme: 'light' });
    is(await ground(), light, 'and as the system again');

    // what charts are drawn with, on what they are drawn on: 3 to 1 (WCAG 2.2, 1.4.11)

    for (const theme of ['light', 'dark']) {
        const faint = await page.evaluate((t) => {
            document.documentElement.dataset.theme = t;

            const style = getComputedStyle(document.documentElement);
            const light = (name) => {
                const hex = style.getPropertyValue(name).trim();
                const [r, g, b] = [1, 3, 5].map((i) => parseInt(hex.slice(i, i + 2), 16) / 255)
                    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);

                return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
            };
            const ground = light('--card');

            return ['--fill-good', '--fill-warn', '--fill-bad', '--accent'].filter((name) =>
                !(Math.max(light(name), ground) / Math.min(light(name), ground) >= 3)).join();
        }, theme);

        is(faint, '', `${theme}: what is drawn can be told from its ground`);
    }
    await page.evaluate(() => { delete document.documentElement.dataset.theme; });

    // motion

    await page.emulateMedia({ reducedMotion: 'reduce' });
    await go(page, '/events');
    await page.click('button:has-text("Live")');
    is(await page.evaluate(() => getComputedStyle(document.querySelector('.live'), '::before').animationName), 'none',
       'no motion where none is wanted');
    await page.emulateMedia({ reducedMotion: 'no-preference' });

    // without the clipboard of HTTPS pages, and without a server

    await page.evaluate(() => { Object.defineProperty(navigator, 'clipboard', { value: undefined }); });
    await go(page, `/webhooks/${w.id}/settings`);
    await page.click('[aria-label="Copy id"]');
    await page.waitForFunction(() => /copied/.test(document.getElementById('said').textContent));
    ok(true, 'copied the old way');

    // in a dialog all else is inert: what is said, and goes wrong, is in it

    await go(page, '/webhooks/new');
    await page.fill('input[type=url]', `${env.RECEIVER}/ok/dialog`);
    await page.check('[data-name="*"]');
    await page.click('button:has-text("Add webhook")');
    await page.click('dialog [aria-label="Copy secret"]');
    await page.waitForFunction(() => /secret copied/.test(document.querySelector('dialog #said')?.textContent));
    is(await page.evaluate(() => navigator.clipboard === undefined && document.activeElement.ariaLabel), 'Copy secret',
       'copied in a dialog, where the focus stays');
    await page.evaluate(() => { document.execCommand = () => false; });
    await page.click('dialog [aria-label="Copy secret"]');
    await page.click('dialog .toast.bad [aria-label="Close"]');
    is(await page.locator('.toast').count(), 0, 'an error in a dialog can be read, and closed');
    await page.keyboard.press('Escape');
    await page.waitForFunction(() => !document.querySelector('dialog'));
    is(await page.evaluate(() => ['said', 'toasts'].every((id) => document.getElementById(id).parentNode === document.body)), true,
       'and they outlive it');

    page.expected = ['undefined'];
    await page.route('**/webhooks/api/**', (r) => r.abort());
    page.on('console', () => page.bad.splice(0));
    await page.evaluate(() => { location.hash = '/events'; });
    await page.waitForSelector('text=The server cannot be reached');
    ok(await page.isVisible('button:has-text("Try again")'), 'no server: an error in words');
    await page.unroute('**/webhooks/api/**');
    await page.click('button:has-text("Try again")');
    await page.waitForSelector('h1:has-text("Events")');
    ok(true, '... and another try');
    page.bad.splice(0);
}
