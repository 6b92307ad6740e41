#!/bin/sh
# Prints the C header that holds the description of the API as JSON:
#
#     sh docs/embed.sh docs/openapi.yaml > ngx_http_webhook_openapi.h
#
# It is split where the URL of the server stands, which is the location's.

set -eu

yaml=$1

# another Python before Debian's in the PATH may lack the library

for python in "${PYTHON:-python3}" /usr/bin/python3; do
    if "$python" -c 'import yaml' 2>/dev/null; then
        exec "$python" - "$yaml" <<'END'
import hashlib, json, sys, yaml

with open(sys.argv[1], encoding="utf-8") as f:
    document = yaml.safe_load(f)

document["servers"][0]["url"] = "@"

# the server first: what is before it is short

order = ["openapi", "servers"]
document = {k: document[k] for k in order + [k for k in document if k not in order]}

text = json.dumps(document, separators=(",", ":"), allow_nan=False)
head, tail = text.split('"url":"@"', 1)
head, tail = head + '"url":"', '"' + tail

def string(name, text):
    print("\nstatic const char  ngx_http_webhook_openapi_%s[] =" % name)
    chunks = [text[i:i + 64] for i in range(0, len(text), 64)]
    lines = ['    "%s"' % c.replace("\\", "\\\\").replace('"', '\\"') for c in chunks]
    print("\n".join(lines) + ";")

print("/* made from openapi.yaml by embed.sh, not to be edited */\n")
print("#ifndef _NGX_HTTP_WEBHOOK_OPENAPI_H_INCLUDED_")
print("#define _NGX_HTTP_WEBHOOK_OPENAPI_H_INCLUDED_\n")
print('#define NGX_HTTP_WEBHOOK_OPENAPI_ETAG  "\\"%s\\""'
      % hashlib.sha256(text.encode()).hexdigest()[:16])
string("head", head)
string("tail", tail)
print("\n#endif /* _NGX_HTTP_WEBHOOK_OPENAPI_H_INCLUDED_ */")
END
    fi
done

echo "$0: error: python3 with its yaml library (python3-yaml) is needed" >&2
exit 1
