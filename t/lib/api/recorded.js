// Whether the exchanges that t/lib/WebhookTest.pm has recorded in a folder
// (WEBHOOK_CONTRACT) are as docs/openapi.yaml says: recorded.js FOLDER.

'use strict';

const fs = require('fs');
const path = require('path');
const api = require('./document');

const folder = process.argv[2];
const errors = new Map();
let count = 0;

for (const file of fs.readdirSync(folder)) {
    const data = fs.readFileSync(path.join(folder, file));

    // line by line: all of a file may be longer than a string can be

    for (let from = 0, to; (to = data.indexOf(10, from)) !== -1; from = to + 1) {
        const x = JSON.parse(data.toString('utf8', from, to));
        count++;
        for (const e of api.validate(x)) errors.set(`${x.test}: ${e}`, true);
    }
}

for (const e of [...errors.keys()].slice(0, 50)) console.error(e);

console.log(`${count} recorded exchanges with the API, ${errors.size} not as documented`);
process.exitCode = errors.size ? 1 : 0;
