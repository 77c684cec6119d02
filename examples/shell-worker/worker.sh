#!/bin/sh
# sh worker.sh SCHEDULER TYPE COMMAND…: runs COMMAND for every task of TYPE. See docs/worker-protocol.md.
url=$1/v1/workers type=$2 seq=0 ending='' curl='' token='' dir=$(mktemp -d) && shift 2 || exit
call() { curl -sS --fail-with-body -m "${4:-10}" -X "$1" "$url$2" -H "TaskPilot-Session-Token: $token" \
    -H 'Content-Type: application/json' -d "$3" & curl=$! && wait "$curl"; } # a signal ends a wait, but no curl
hold() { # FENCE: for the heartbeats: which claim was answered, and what is held of it
    printf %s "$1" > "$dir/fence"; : > "$dir/group"; : > "$dir/stopped"
    jq -cs "{claimSeq: $seq, held: map(del(.token))}" "$dir/fence" > "$dir/new" && mv "$dir/new" "$dir/beat"; }
stop() { # GRACE: in seconds, from SIGTERM to SIGKILL, for the whole group; then proves that nothing is left
    fence=$(cat "$dir/fence") group=-$(cat "$dir/group") how=terminated left=$1
    echo "$how" > "$dir/stopped"; kill -TERM "$group" || { : > "$dir/stopped"; return; } # said before it ends
    while kill -0 "$group" && sleep 1; do
        [ "$((left -= 1))" -gt 0 ] || { kill -0 "$group" && how=killed && echo "$how" > "$dir/stopped" && kill -KILL "$group"; }; done
    call POST "/$id/stops" "{\"items\": [$(printf %s "$fence" | jq ". + {stage: \"stopped\", how: \"$how\"}")]}"; } > "$dir/log" 2>&1
beat() { last=$(date +%s) && while sleep "$every" && kill -0 $$ && now=$(date +%s); do # renews the lease, obeys orders
    answer=$(call PUT "/$id/heartbeat" "@$dir/beat") && last=$now
    case $answer in *'"status":404'* | *'"status":410'*) kill $$ ;; esac # the session has ended
    [ "$((now - last))" -lt "$((lease - 10))" ] || kill $$               # another worker may have it soon
    for grace in $(printf %s "$answer" | jq --slurpfile beat "$dir/beat" '(.orders[]?, .lost[]?) |
        select({executionId, attempt} == $beat[0].held[]) | (.graceMs // 2000) / 1000 | ceil'); do
        [ -s "$dir/stopped" ] || stop "$grace" & done; done; }
session=$(call POST '' "{\"name\": \"shell\", \"queues\": [\"default\"], \"types\": [\"$type\"], \"slots\": 1,
    \"containment\": \"in_process\"}" 30 | jq -r '@sh "id=\(.sessionId) token=\(.token)",
    "lease=\(.leaseMs / 1000 | floor) every=\(.heartbeatMs / 1000 | ceil)"') && eval "$session" && [ "$id" ] || exit
hold '' && { beat & beats=$!; } && trap 'ending=yes; [ -s "$dir/fence" ] || kill "$curl"; stop 2 &' TERM
while [ ! "$ending" ] && seq=$((seq + 1)); do
    until call POST "/$id/claims" "{\"claimSeq\": $seq, \"max\": 1, \"waitMs\": 20000}" 30 > "$dir/claim"; do
        [ ! "$ending" ] && sleep 1 || continue 2; done
    hold "$(jq -c '.grants[] | {executionId, attempt, token}' "$dir/claim")" && [ -s "$dir/fence" ] || continue
    jq -c '.grants[].payload' "$dir/claim" | setsid "$@" > "$dir/out" 2> "$dir/err" &
    group=$! && echo "$group" > "$dir/group" && { [ ! "$ending" ] || stop 2 & }
    while wait "$group"; code=$? && [ "$code" -gt 128 ] && kill -0 "-$group"; do :; done 2> "$dir/log"
    jq -c --argjson code "$code" --arg how "$(cat "$dir/stopped")" --arg out "$(head -c 40000 "$dir/out")" '{items: [. +
        if $how != "" then {outcome: "interrupted", how: $how}
        elif $code == 0 then {outcome: "succeeded", result: (try ($out | fromjson) catch $out)}
        else {outcome: "failed", error: {code: "exit_code", message: "exit \($code)"}} end]}' "$dir/fence" > "$dir/end"
    until call POST "/$id/results" "@$dir/end" > "$dir/answer" || [ "$ending" = twice ]; do
        sleep 1; [ ! "$ending" ] || ending=twice; done; hold ''; done
hold '' && call PUT "/$id/heartbeat" "@$dir/beat" > "$dir/log" # what a lost answer granted is released, uncounted
call DELETE "/$id" '{}'; kill "$beats"; rm -rf "$dir"
