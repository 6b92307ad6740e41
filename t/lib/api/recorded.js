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
    for (const line of fs.readFileSync(path.join(folder, file), 'utf8').split('\n')) {
        if (line === '') continue;
        const x = JSON.parse(line);
        count++;
        for (const e of api.validate(x)) errors.set(`${x.test}: ${e}`, true);
    }
}

for (const e of [...errors.keys()].slice(0, 50)) console.error(e);

console.log(`${count} recorded exchanges with the API, ${errors.size} not as documented`);
process.exitCode = errors.size ? 1 : 0;
