/*
 * Runs parts, one after the other: run.mjs PART ...  Each has its company, so that
 * it can run alone.
 */

import { browser, diag, done, ok, open } from './lib.mjs';

const { context, end } = await browser();

for (const name of process.argv.slice(2)) {
    console.log(`# part: ${name}`);

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
}

await end();
done();
