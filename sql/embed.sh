#!/bin/sh
# Prints the C header that holds the SQL of a folder:
#
#     sh sql/embed.sh sql/sqlite > ngx_http_webhook_sql.h
#
# A statement file (DIR/*.sql) is a row of statements, each after a comment
# that begins "-- name: <name>" and ending at the next such comment; a
# migration (DIR/migrations/NNNN_<what>.sql) is taken whole, in the order of
# its number.  The names become the enumeration that C files use, so that no
# C file holds a query.

set -eu

dir=$1

quote() {
    awk '
    {
        sub(/[ \t]*--.*$/, "")
        sub(/^[ \t]+/, "")
        if ($0 == "") next
        gsub(/\\/, "\\\\")
        gsub(/"/, "\\\"")
        printf "        \"%s \"\n", $0
    }' "$@"
}

echo "/* made from the SQL of $(basename "$dir") by embed.sh, not to be edited */"
echo
echo "#ifndef _NGX_HTTP_WEBHOOK_SQL_H_INCLUDED_"
echo "#define _NGX_HTTP_WEBHOOK_SQL_H_INCLUDED_"
echo
echo "typedef enum {"
cat "$dir"/*.sql | sed -n 's/^-- name: *\([a-z0-9_]*\).*/\1/p' \
    | tr 'a-z' 'A-Z' | sed 's/.*/    NGX_HTTP_WEBHOOK_SQL_&,/'
echo "    NGX_HTTP_WEBHOOK_SQL_N"
echo "} ngx_http_webhook_sql_e;"
echo
echo "#endif /* _NGX_HTTP_WEBHOOK_SQL_H_INCLUDED_ */"
echo
echo "#ifdef NGX_HTTP_WEBHOOK_SQL_STATEMENTS"
echo
echo "static const char  *ngx_http_webhook_sql[] = {"
cat "$dir"/*.sql | awk '
    /^-- name:/ { if (n++) print "    ,"; print "        /* " $3 " */"; next }
    {
        sub(/[ \t]*--.*$/, "")
        sub(/^[ \t]+/, "")
        if ($0 == "" || !n) next
        gsub(/\\/, "\\\\")
        gsub(/"/, "\\\"")
        printf "        \"%s \"\n", $0
    }'
echo "};"
echo
echo "#endif /* NGX_HTTP_WEBHOOK_SQL_STATEMENTS */"
echo
echo "#ifdef NGX_HTTP_WEBHOOK_SQL_MIGRATIONS"
echo
echo "static const char  *ngx_http_webhook_sql_migrations[] = {"
for f in "$dir"/migrations/[0-9]*.sql; do
    quote "$f"
    echo "        ,"
done
echo "        0"
echo "};"
echo
echo "#endif /* NGX_HTTP_WEBHOOK_SQL_MIGRATIONS */"
