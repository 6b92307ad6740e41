/*
 * Programs that receive and verify the deliveries of a webhook, each with the
 * standard library of its language alone.  The secret comes from the
 * environment: it stands in no file.
 */

export const languages = {
    php: { name: 'PHP', note: 'webhook.php. Try it: WEBHOOK_SECRET=… php -S 127.0.0.1:8000 webhook.php' },
    python: { name: 'Python', note: 'webhook.py, Python 3. Try it: WEBHOOK_SECRET=… python3 webhook.py' },
    node: { name: 'Node', note: 'webhook.js, Node.js 16 and newer. Try it: WEBHOOK_SECRET=… node webhook.js' },
    go: { name: 'Go', note: 'webhook.go, Go 1.19 and newer. Try it: WEBHOOK_SECRET=… go run webhook.go' },
    ruby: { name: 'Ruby', note: 'config.ru, for any Rack server. Try it: WEBHOOK_SECRET=… rackup -p 8000' },
    csharp: { name: 'C#', note: 'Program.cs of an ASP.NET Core project, .NET 6 and newer: dotnet new web' },
    curl: { name: 'curl', note: 'Sends your endpoint a signed test, from a shell with openssl.' },
};


/* The path of the URL, in the letters that every language takes as they are. */

function path(url) {
    try {
        return new URL(url).pathname.replace(/[^A-Za-z0-9/._~-]/g, '') || '/';
    } catch (e) {
        return '/';
    }
}


function quoted(text) {
    return `'${text.replace(/'/g, `'\\''`)}'`;
}


const samples = {

    php: ({ path }) => `<?php
// receives POST ${path}

function verify(string $secret, string $body, string ...$signatures): bool
{
    $expected = hash_hmac('sha256', $body, $secret);
    $genuine = false;

    foreach ($signatures as $signature) {
        $genuine = hash_equals($expected, $signature) || $genuine;
    }

    // at the end of the body: json_decode() would not take each payload
    return $secret !== '' && $genuine
        && preg_match('/"timestamp":(\\d+)\\}$/D', $body, $match) === 1
        && abs(time() - (int) $match[1]) <= 300;
}

$body = file_get_contents('php://input');

if (!verify((string) getenv('WEBHOOK_SECRET'), $body,
            $_SERVER['HTTP_X_SIGNATURE'] ?? '',
            $_SERVER['HTTP_X_SIGNATURE_PREVIOUS'] ?? '')) {
    http_response_code(401);
    exit;
}

$event = json_decode($body, true);           // null where PHP cannot hold it
$id = $_SERVER['HTTP_X_WEBHOOK_EVENT_ID'];   // skip what you have done already

// put $event['event'] and $event['payload'] into your queue here

http_response_code(204);
`,

    python: ({ path }) => `import hashlib
import hmac
import json
import os
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

SECRET = os.environ['WEBHOOK_SECRET']
LIMIT = 1 << 20                     # bytes, of a body


def verify(body, *signatures):
    expected = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    genuine = [hmac.compare_digest(expected.encode(), s.encode())
               for s in signatures]

    return (any(genuine)
            and abs(time.time() - json.loads(body)['timestamp']) <= 300)


class Webhook(BaseHTTPRequestHandler):
    def do_POST(self):              # ${path}
        length = int(self.headers.get('Content-Length', 0))
        body = self.rfile.read(min(length, LIMIT))

        if not verify(body, self.headers.get('X-Signature', ''),
                      self.headers.get('X-Signature-Previous', '')):
            self.send_response(401)
            self.end_headers()
            return

        event = json.loads(body)
        event_id = self.headers['X-Webhook-Event-Id']   # skip what is done

        # put event['event'] and event['payload'] into your queue here

        self.send_response(204)
        self.end_headers()


if __name__ == '__main__':
    port = int(os.environ.get('PORT', 8000))
    ThreadingHTTPServer(('127.0.0.1', port), Webhook).serve_forever()
`,

    node: ({ path }) => `const crypto = require('crypto');
const http = require('http');

const secret = process.env.WEBHOOK_SECRET;
const limit = 1 << 20;                              // bytes, of a body

function verify(body, ...signatures) {
    const hmac = crypto.createHmac('sha256', secret).update(body);
    const expected = Buffer.from(hmac.digest('hex'));

    const genuine = signatures.map((signature) => {
        const given = Buffer.from(signature);
        return given.length === expected.length
            && crypto.timingSafeEqual(given, expected);
    });

    return genuine.includes(true)
        && Math.abs(Date.now() / 1000 - JSON.parse(body).timestamp) <= 300;
}

http.createServer(async (req, res) => {            // POST ${path}
    const parts = [];
    let length = 0;

    try {
        for await (const part of req) {
            length += part.length;
            if (length <= limit) { parts.push(part); }
        }
    } catch (e) {
        return;                                    // the sender went away
    }

    const body = Buffer.concat(parts);

    if (!verify(body, req.headers['x-signature'] || '',
                req.headers['x-signature-previous'] || '')) {
        res.writeHead(401).end();
        return;
    }

    const event = JSON.parse(body);
    const id = req.headers['x-webhook-event-id'];  // skip what is done already

    // put event.event and event.payload into your queue here

    res.writeHead(204).end();
}).listen(process.env.PORT || 8000, '127.0.0.1');
`,

    go: ({ path }) => `package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"os"
	"time"
)

type event struct {
	Event     string          \`json:"event"\`
	Payload   json.RawMessage \`json:"payload"\`
	Timestamp int64           \`json:"timestamp"\`
}

func verify(body []byte, signatures ...string) (e event, ok bool) {
	mac := hmac.New(sha256.New, []byte(os.Getenv("WEBHOOK_SECRET")))
	mac.Write(body)
	expected := []byte(hex.EncodeToString(mac.Sum(nil)))

	for _, s := range signatures {
		ok = hmac.Equal(expected, []byte(s)) || ok
	}

	if !ok || json.Unmarshal(body, &e) != nil {
		return e, false
	}

	age := time.Since(time.Unix(e.Timestamp, 0)).Abs()
	return e, age <= 5*time.Minute
}

func main() {
	http.HandleFunc("${path}", func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		e, ok := verify(body, r.Header.Get("X-Signature"),
			r.Header.Get("X-Signature-Previous"))

		if err != nil || !ok {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}

		// skip the ids that you have done already; put e into your queue
		log.Println(r.Header.Get("X-Webhook-Event-Id"), e.Event)

		w.WriteHeader(http.StatusNoContent)
	})

	port := os.Getenv("PORT")
	if port == "" {
		port = "8000"
	}

	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, nil))
}
`,

    ruby: ({ path }) => `require 'json'
require 'openssl'

SECRET = ENV.fetch('WEBHOOK_SECRET')

def verify(body, *signatures)
  expected = OpenSSL::HMAC.hexdigest('SHA256', SECRET, body)
  genuine = signatures.map do |signature|
    signature.bytesize == expected.bytesize &&
      OpenSSL.fixed_length_secure_compare(signature, expected)
  end

  # at the end of the body: JSON.parse would not take each payload
  sent = body[/"timestamp":(\\d+)\\}\\z/, 1].to_i

  genuine.any? && (Time.now.to_i - sent).abs <= 300
end

# POST ${path}
run(lambda do |env|
  body = env['rack.input'].read(1 << 20).to_s # bytes, at most

  unless verify(body, env['HTTP_X_SIGNATURE'].to_s,
                env['HTTP_X_SIGNATURE_PREVIOUS'].to_s)
    next [401, {}, []]
  end

  event = JSON.parse(body) rescue nil # where Ruby cannot hold it
  id = env['HTTP_X_WEBHOOK_EVENT_ID'] # skip what you have done already

  # put event['event'] and event['payload'] into your queue here

  [204, {}, []]
end)
`,

    csharp: ({ path }) => `using System.Security.Cryptography;
using System.Text;
using System.Text.Json;

var app = WebApplication.Create(args);

var secret = Environment.GetEnvironmentVariable("WEBHOOK_SECRET")
    ?? throw new InvalidOperationException("WEBHOOK_SECRET is not set");

bool Verify(byte[] body, params string[] signatures)
{
    using var hmac = new HMACSHA256(Encoding.UTF8.GetBytes(secret));
    var expected = Encoding.ASCII.GetBytes(
        Convert.ToHexString(hmac.ComputeHash(body)).ToLowerInvariant());
    var genuine = false;

    foreach (var signature in signatures)
    {
        genuine |= CryptographicOperations.FixedTimeEquals(
            Encoding.UTF8.GetBytes(signature), expected);
    }

    if (!genuine)
    {
        return false;
    }

    using var json = JsonDocument.Parse(body);
    var sent = json.RootElement.GetProperty("timestamp").GetInt64();

    return Math.Abs(DateTimeOffset.UtcNow.ToUnixTimeSeconds() - sent) <= 300;
}

app.MapPost("${path}", async (HttpRequest request) =>
{
    using var buffer = new MemoryStream();
    await request.Body.CopyToAsync(buffer);
    var body = buffer.ToArray();

    if (!Verify(body, request.Headers["X-Signature"].ToString(),
                request.Headers["X-Signature-Previous"].ToString()))
    {
        return Results.Unauthorized();
    }

    // skip ids that you have done already; put the body into your queue
    var id = request.Headers["X-Webhook-Event-Id"].ToString();

    return Results.NoContent();
});

app.Run();
`,

    curl: ({ url, event }) => `# WEBHOOK_SECRET holds the secret of this webhook
now=$(date +%s)
body='{"event":"${event}","payload":{"test":true},"timestamp":'$now'}'
signature=$(printf '%s' "$body" |
            openssl dgst -sha256 -hmac "$WEBHOOK_SECRET" | sed 's/.*= *//')
key=$(printf '%s' "\${WEBHOOK_SECRET#whsec_}" | openssl base64 -d -A |
      od -An -v -tx1 | tr -d ' \\n')
standard=$(printf '%s' "evt_by_hand.$now.$body" |
           openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary |
           openssl base64 -A)

curl -i ${quoted(url)} \\
    -H 'Content-Type: application/json' \\
    -H 'X-Webhook-Event-Id: evt_by_hand' \\
    -H "X-Timestamp: $now" \\
    -H "X-Signature: $signature" \\
    -H 'webhook-id: evt_by_hand' \\
    -H "webhook-timestamp: $now" \\
    -H "webhook-signature: v1,$standard" \\
    --data-binary "$body"
`,
};


/* The program in a language, for this webhook. */

export function code(language, webhook) {
    const name = webhook.events.find((e) => !e.includes('*'))
        || webhook.events[0]?.replace('*', 'test') || 'test';

    return samples[language]({ path: path(webhook.url), url: webhook.url, event: name });
}
