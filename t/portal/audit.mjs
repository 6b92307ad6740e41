/*
 * What every screen has to be: accessible, in light and dark, and as wide as a
 * phone is.
 */

import { createRequire } from 'node:module';
import { ok } from './lib.mjs';

const require = createRequire(import.meta.url);
const axe = require('axe-core').source;

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];


async function violations(page) {
    if (!await page.evaluate(() => !!globalThis.axe)) {
        await page.evaluate(axe);
    }

    return page.evaluate(async (values) => {
        const r = await globalThis.axe.run(document, { runOnly: { type: 'tag', values }, resultTypes: ['violations'] });

        return r.violations.map((v) => `${v.id}: ${v.help}\n` + v.nodes.slice(0, 3).map((n) =>
            `    ${n.html.slice(0, 160)}\n    ${n.failureSummary.split('\n').slice(1, 3).join(' ').trim()}`).join('\n'));
    }, TAGS);
}


/* Elements that are wider than the page at the width of a small phone. */

async function overflow(page) {
    const old = page.viewportSize();

    await page.setViewportSize({ width: 360, height: 780 });
    const wide = await page.evaluate(async () => {
        for (let i = 0; i < 3; i++) {          // charts are drawn anew for their width
            await new Promise(requestAnimationFrame);
        }

        const width = document.documentElement.clientWidth;

        return document.documentElement.scrollWidth <= width ? []
            : [...document.querySelectorAll('body *')].filter((e) => e.getBoundingClientRect().right > width + 1)
                .slice(0, 5).map((e) => `${e.tagName} ${e.className} ${e.textContent.slice(0, 40)}`);
    });
    await page.setViewportSize(old);

    return wide;
}


export async function audit(page, name) {
    const found = [];

    await page.emulateMedia({ reducedMotion: 'reduce' });      // no colour fades to another

    for (const theme of ['light', 'dark']) {
        await page.evaluate((t) => { document.documentElement.dataset.theme = t; }, theme);
        found.push(...(await violations(page)).map((v) => `${theme}: ${v}`));
    }

    await page.evaluate(() => { delete document.documentElement.dataset.theme; });
    await page.emulateMedia({ reducedMotion: 'no-preference' });
    ok(found.length === 0, `${name}: accessible in light and dark`, found.join('\n'));

    const wide = await overflow(page);

    ok(wide.length === 0, `${name}: fits a phone`, wide.join('\n'));
    ok(page.bad.length === 0, `${name}: no error, no other host`, page.bad.splice(0).join('\n'));
}
