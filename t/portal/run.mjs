/*
 * Runs the parts: run.mjs [PART ...].  Each has its company, so that it can run
 * alone.
 */

import { browser, diag, done, ok, open } from './lib.mjs';

const parts = ['access', 'operator', 'many', 'add', 'lists', 'webhook', 'settings', 'verify', 'timeline', 'live', 'filters',
               'replay', 'event', 'hostile', 'keyboard', 'headers'];

const wanted = process.argv.slice(2);
const { context, end } = await browser();

for (const name of parts.filter((p) => wanted.length === 0 || wanted.includes(p))) {
    console.log(`# part: ${name}`);
    const from = Date.now();

    const page = await open(context);

    try {
        const { run } = await import(`./${name}.mjs`);

        await run(page, context);
        ok(page.bad.length === 0, 'no error, no other host', page.bad.join('\n'));

    } catch (e) {
        ok(false, `${name} ran to its end`, e.stack);
        diag(await page.evaluate(() => `${location.hash} ${document.querySelector('main')?.innerText.slice(0, 600)}`)
            .catch(() => ''));
    }

    await page.close();
    if (process.env.PORTAL_TIMES) { console.error(`${name} ${Date.now() - from} ms`); }
}

await end();
done();
