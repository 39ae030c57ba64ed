#!/usr/bin/env bash
# Checks on a real account what no emulator can show: that AWS itself does what the tests take for granted.
#   infra/real-account.sh run [--arch arm64|x86_64] [--domain NAME --certificate ARN [--zone ID]] [--endpoint URL]
#       makes a stack of its own from the zips in target/lambda, checks it and deletes it: some 15 minutes, less than a
#       dollar. --endpoint is for an emulator, where the checks are skipped that need AWS.
#   infra/real-account.sh expired --table NAME
#       looks whether time-to-live deletes: of the first items of a table in use. It only reads.
# VESTIBULE is the program (target/release/vestibule). docs/DEPLOY.md says what tools this needs.
#
# Nobody has confirmed this on a real account yet: tests run it on an emulator, as far as that goes.
#
# What must stay true here:
# - each check prints what it expects and what it got; one that fails does not keep the others from running;
# - whatever was made is deleted, also after a failure, and nothing else: a table or a bucket only if its name is that of
#   this run's stack.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
program="${VESTIBULE:-$root/target/release/vestibule}"
endpoint="" arch=arm64 domain="" certificate="" zone="" table=""
failures=0

fail() { echo "infra/real-account.sh: $*" >&2; exit 1; }
usage() { sed -n '3,8s/^# \{0,1\}//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

# ---- Checks -----------------------------------------------------------------------------------------

# Check $1 expects $2 and got $3; they are compared as patterns of the shell.
expect() {
  # shellcheck disable=SC2053  # a pattern
  if [[ "$3" == $2 ]]; then echo "ok      $1: $3"; else
    echo "FAILED  $1: expected $2, got $3"
    failures=$((failures + 1))
  fi
}
# Check $1 expects a number of at most $2 and got $3.
at_most() {
  if [[ "$3" =~ ^[0-9]+(\.[0-9]+)?$ ]] && awk "BEGIN { exit !($3 <= $2) }"; then echo "ok      $1: $3 (at most $2)"; else
    echo "FAILED  $1: expected at most $2, got $3"
    failures=$((failures + 1))
  fi
}
# Whether the check $1 can be made here; else says that it is skipped.
on_aws() { [ -z "$endpoint" ] && return; echo "skipped $1: the emulator can't show it"; return 1; }
# What a command prints, or the last line of why it fails.
got() { local said; if said="$("$@" 2>&1)"; then echo "$said"; else echo "failed: ${said##*$'\n'}"; fi; }
# The seconds until a command succeeds, looked at every half second; "never" after $1 seconds.
seconds_until() {
  local limit="$1" began now
  shift
  began="$(date +%s%N)"
  while ! "$@" >/dev/null 2>&1; do
    now="$(date +%s%N)"
    if [ $(((now - began) / 1000000000)) -ge "$limit" ]; then echo never; return; fi
    sleep 0.5
  done
  now="$(date +%s%N)"
  awk "BEGIN { printf \"%.1f\", ($now - $began) / 1e9 }"
}

# ---- The stack --------------------------------------------------------------------------------------

output() { aws cloudformation describe-stacks --stack-name "$stack" --output text \
  --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"; }
resource() { aws cloudformation describe-stack-resource --stack-name "$stack" --logical-resource-id "$1" --output text \
  --query StackResourceDetail.PhysicalResourceId; }
functions() { sed -n 's/^  \([A-Za-z]*\)Role:$/\1/p' "$root/infra/template.yaml"; }

# The function's own address that output $1 has, as curl reaches it.
own() {
  local address
  address="$(output "$1")"
  [ -z "$endpoint" ] || address="http://${address#https://}"
  echo "${address%/}"
}

# Asks the API with curl's arguments $@ after the path $1; prints the status, then the body.
ask() {
  local path="$1"
  shift
  { curl -sS --max-time 30 "${reach[@]}" -w '\n%{http_code}' "$address$path" "$@" || true; } |
    awk '{ l[NR] = $0 } END { print l[NR]; for (i = 1; i < NR; i++) print l[i] }'
}
status_of() { ask "$@" | head -1; }

# Posts an event about device $1 with id $2, signed by $3.
post() {
  local body id time key signature
  body="{\"specversion\":\"1.0\",\"id\":\"$2\",\"source\":\"check\",\"type\":\"enrollment.started\",\"data\":{\"device\":{\"serialNumber\":\"$1\"},\"platform\":\"ios\"}}"
  id="msg_$2" time="$(date +%s)"
  key="$(printf %s "${3#whsec_}" | base64 -d | od -An -v -tx1 | tr -d ' \n')"
  signature="$(printf %s "$id.$time.$body" | openssl dgst -sha256 -mac HMAC -macopt "hexkey:$key" -binary | base64)"
  ask /hooks/contoso/enrollment-events -d "$body" -H "webhook-id: $id" -H "webhook-timestamp: $time" \
    -H "webhook-signature: v1,$signature"
}

clean_up() {
  local result=$? name
  set +e
  echo "cleaning up"
  if [ -n "${queue:-}" ]; then
    aws events remove-targets --event-bus-name "$bus" --rule "$stack-check" --ids check >/dev/null
    aws events delete-rule --event-bus-name "$bus" --name "$stack-check"
    "${sqs[@]}" delete-queue --queue-url "$queue"
  fi
  "$root/infra/deploy" down --stack "$stack"
  for name in ${table:+"$table"}; do
    if [[ "$name" == "$stack"-* ]]; then
      aws dynamodb update-table --table-name "$name" --no-deletion-protection-enabled >/dev/null
      aws dynamodb wait table-exists --table-name "$name"
      aws dynamodb delete-table --table-name "$name" >/dev/null
    else echo "left: the table $name, which is not of this run"; fi
  done
  for name in ${bucket:+"$bucket"}; do
    if [[ "$name" == "$stack"-* ]]; then aws s3 rb --force "s3://$name" >/dev/null; else
      echo "left: the bucket $name, which is not of this run"
    fi
  done
  [ -z "${secrets_key:-}" ] || aws kms schedule-key-deletion --key-id "$secrets_key" --pending-window-in-days 7 >/dev/null
  echo "left: SAM's own bucket aws-sam-cli-managed-default-…, with the zips"
  rm -rf "$work"
  exit "$result"
}

make() {
  local parameters=("Architecture=$arch" ThrottleRate=20 ThrottleBurst=20 WebhookAddresses=FunctionUrls) free
  [ -z "$domain" ] || parameters+=("DomainName=$domain" "CertificateArn=$certificate")
  [ -z "$zone" ] || parameters+=("HostedZoneId=$zone")
  free="$(aws lambda get-account-settings --output text --query AccountLimit.UnreservedConcurrentExecutions)"
  if [ "$free" -lt 500 ]; then
    for name in EnrollmentEvents EspStatus ReportExport GraphPull Tick; do parameters+=("${name}Concurrency=0"); done
  fi
  "$root/infra/deploy" up --stack "$stack" "${parameters[@]}"
  table="$(output TableName)" bucket="$(output BucketName)" bus="$(output BusName)" address="$(output Url)"
  secrets_key="$(output SecretsKeyArn)"
  reach=()
  if [ -n "$endpoint" ]; then
    address="http://${address##*/}"
    reach=(--connect-to "::${endpoint#http://}")
  fi
  local added
  added="$("$program" tenant add contoso --stack "$stack" --json)"
  secret="$(grep -o 'whsec_[^"]*' <<<"$added" | head -1)"
  token="$(grep -o 'vst_[^"]*' <<<"$added" | head -1)"
}

# ---- What is checked --------------------------------------------------------------------------------

requests() {
  local answer
  answer="$(post CHECK0001 first "$secret")"
  expect "a signed event is accepted" '202*"accepted":1*' "$(tr '\n' ' ' <<<"$answer")"
  expect "the same event is known" '202*"duplicates":1*' "$(post CHECK0001 first "$secret" | tr '\n' ' ')"
  expect "another secret is refused" 401 "$(post CHECK0001 second whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw | head -1)"
  expect "who has no token is refused" 401 "$(status_of /api/tenant)"
  expect "the token reads" 200 "$(status_of /api/devices/enrollment-status -H "Authorization: Bearer $token")"
  if [ -n "$domain" ]; then
    expect "the domain answers" 200 "$(status_of /config.json)"
    expect "the API's own address does not" 404 "$(curl -sS -o /dev/null -w '%{http_code}' \
      "https://$(resource Api).execute-api.$AWS_REGION.amazonaws.com/config.json")"
  fi
}

# The webhooks' own addresses, beside the API's.
addresses() {
  local address
  address="$(own EnrollmentEventsUrl)"
  expect "the function's own address takes a signed event" '202*"accepted":1*' "$(post CHECK0004 direct "$secret" | tr '\n' ' ')"
  expect "the same event is known there" '202*"duplicates":1*' "$(post CHECK0004 direct "$secret" | tr '\n' ' ')"
  expect "another secret is refused there" 401 "$(post CHECK0004 forged whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw | head -1)"
  expect "nothing else is there" 405 "$(status_of /)"
  expect "an answer names its invocation" '????????-????-????-????-????????????' "$(curl -sS "${reach[@]}" -o /dev/null -D - "$address/" |
    tr -d '\r' | sed -n 's/^[Xx]-[Aa]mzn-[Rr]equest[Ii]d: //p')"
  address="$(own EspStatusUrl)"
  expect "esp-status asks for a signature at its own" 401 "$(status_of /hooks/contoso/esp-status -d '{}')"
  expect "anybody may call the function by its address alone" '*"Bool":{"lambda:InvokedViaFunctionUrl":"true"}*' "$(got aws lambda \
    get-policy --function-name "$(resource EspStatus)" --output text --query Policy | tr -d ' ')"
}

stored() {
  local asked=(aws dynamodb describe-table --table-name "$table" --output text --query)
  expect "the table can't be deleted" '[Tt]rue' "$(got "${asked[@]}" Table.DeletionProtectionEnabled)"
  expect "the stream has both images" NEW_AND_OLD_IMAGES "$(got "${asked[@]}" Table.StreamSpecification.StreamViewType)"
  local item
  item="$(got aws dynamodb get-item --table-name "$table" --key '{"pk":{"S":"t#contoso"},"sk":{"S":"t"}}' --output text --query Item.c.S)"
  expect "the tenant's secrets are sealed" '*"sealed":*' "${item//whsec_/IN CLEAR}"
  expect "none is in clear" 0 "$(grep -c whsec_ <<<"$item")"
  if on_aws "time-to-live and restoring"; then
    expect "time-to-live is on" $'ENABLED\tx' "$(got aws dynamodb describe-time-to-live --table-name "$table" --output text \
      --query '[TimeToLiveDescription.TimeToLiveStatus, TimeToLiveDescription.AttributeName]')"
    expect "any point in time can be restored" ENABLED "$(got aws dynamodb describe-continuous-backups --table-name "$table" \
      --output text --query ContinuousBackupsDescription.PointInTimeRecoveryDescription.PointInTimeRecoveryStatus)"
  fi
  expect "nothing of the bucket is public" $'True\tTrue\tTrue\tTrue' "$(got aws s3api get-public-access-block --bucket "$bucket" \
    --output text --query 'PublicAccessBlockConfiguration.[BlockPublicAcls, IgnorePublicAcls, BlockPublicPolicy, RestrictPublicBuckets]')"
  if on_aws "the bucket refuses HTTP without TLS"; then
    expect "the bucket refuses HTTP without TLS" 'failed:*AccessDenied*' \
      "$(got aws s3api list-objects-v2 --bucket "$bucket" --endpoint-url "http://s3.$AWS_REGION.amazonaws.com")"
  fi
}

# Writes to the partition "check", which no function reads, and deletes what it wrote.
semantics() {
  local key='{"pk":{"S":"check"},"sk":{"S":"1"}}' item='{"pk":{"S":"check"},"sk":{"S":"1"},"v":{"N":"1"},"ds":{"S":"check"},"da":{"N":"1"}}'
  local put=(aws dynamodb put-item --table-name "$table" --item "$item" --condition-expression 'attribute_not_exists(pk)')
  local query=(aws dynamodb query --table-name "$table" --index-name due --key-condition-expression 'ds = :d'
    --expression-attribute-values '{":d":{"S":"check"}}' --output text --query Count)
  expect "a first write is done" "" "$(got "${put[@]}")"
  at_most "seconds until an index has it" 5 "$(seconds_until 30 "$0" is 1 "${query[@]}")"
  expect "a second one is not" 'failed:*ConditionalCheckFailedException*' "$(got "${put[@]}")"
  expect "an index is never strongly consistent" 'failed:*ValidationException*' "$(got "${query[@]}" --consistent-read)"
  local write=(aws dynamodb transact-write-items --client-request-token "$stack" --transact-items)
  local update='[{"Update":{"TableName":"'$table'","Key":'$key',"UpdateExpression":"SET v = v + :1","ExpressionAttributeValues":{":1":{"N":"N1"}}}}]'
  expect "a transaction is done" "" "$(got "${write[@]}" "${update//N1/1}")"
  expect "the same again is done once" "" "$(got "${write[@]}" "${update//N1/1}")"
  expect "its value says so" 2 "$(got aws dynamodb get-item --table-name "$table" --key "$key" --consistent-read --output text --query Item.v.N)"
  expect "another under its token is refused" 'failed:*IdempotentParameterMismatch*' "$(got "${write[@]}" "${update//N1/2}")"
  got aws dynamodb delete-item --table-name "$table" --key "$key" >/dev/null
  local object=(aws s3api put-object --bucket "$bucket" --key reports/check --if-none-match '*' --query ETag)
  expect "a first object is put" '"*"' "$(got "${object[@]}")"
  expect "a second is not" 'failed:*PreconditionFailed*' "$(got "${object[@]}")"
  got aws s3api delete-object --bucket "$bucket" --key reports/check >/dev/null
}

# What IAM decides for function $1, action $2 on resource $3 with the partition key $4.
decides() {
  got aws iam simulate-principal-policy --output text --query 'EvaluationResults[0].EvalDecision' --action-names "$2" \
    --policy-source-arn "$(aws iam get-role --role-name "$(resource "$1Role")" --query Role.Arn --output text)" \
    --resource-arns "$3" --context-entries "ContextKeyName=dynamodb:LeadingKeys,ContextKeyType=stringList,ContextKeyValues=$4"
}

# The same of the key of secrets, for the kind of secrets $2.
opens() {
  got aws iam simulate-principal-policy --output text --query 'EvaluationResults[0].EvalDecision' --action-names kms:Decrypt \
    --policy-source-arn "$(aws iam get-role --role-name "$(resource "$1Role")" --query Role.Arn --output text)" \
    --resource-arns "$secrets_key" --context-entries "ContextKeyName=kms:EncryptionContext:secrets,ContextKeyType=string,ContextKeyValues=$2"
}

permissions() {
  local arn name
  arn="$(aws dynamodb describe-table --table-name "$table" --output text --query Table.TableArn)"
  for name in $(functions); do
    expect "$name can't delete the table" implicitDeny "$(decides "$name" dynamodb:DeleteTable "$arn" x)"
    expect "$name can't scan it" implicitDeny "$(decides "$name" dynamodb:Scan "$arn" x)"
  done
  on_aws "what IAM decides by partition keys" || return 0
  for name in $(functions); do
    [ "$name" = GraphPull ] || expect "$name can't have Graph's secrets" explicitDeny \
      "$(decides "$name" dynamodb:GetItem "$arn" 'g#contoso')"
    [ "$name" = Notify ] || expect "$name can't have the secrets of channels" explicitDeny \
      "$(decides "$name" dynamodb:GetItem "$arn" 'n#contoso')"
  done
  for name in EnrollmentEvents EspStatus AdminApi; do
    expect "$name opens the secrets of senders" allowed "$(opens "$name" senders)"
    expect "$name does not open those of channels" implicitDeny "$(opens "$name" messages)"
  done
  for name in AbandonmentSweep EventPublisher ReportExport ReportTick GraphPull Notify; do
    expect "$name does not open the secrets of senders" implicitDeny "$(opens "$name" senders)"
  done
  expect "admin-api changes settings" allowed "$(decides AdminApi dynamodb:PutItem "$arn" 't#contoso')"
  expect "admin-api writes no pages of the feed" implicitDeny "$(decides AdminApi dynamodb:PutItem "$arn" 'c#contoso#1')"
  expect "event-publisher writes them" allowed "$(decides EventPublisher dynamodb:PutItem "$arn" 'c#contoso#1')"
  expect "event-publisher changes no settings" implicitDeny "$(decides EventPublisher dynamodb:PutItem "$arn" 't#contoso')"
}

# From an event to the bus, by a queue of our own that a rule of our own fills.
publications() {
  local arn rule
  queue="$("${sqs[@]}" create-queue --queue-name "$stack-check" --output text --query QueueUrl)"
  arn="$("${sqs[@]}" get-queue-attributes --queue-url "$queue" --attribute-names QueueArn --output text --query Attributes.QueueArn)"
  rule="$(aws events put-rule --event-bus-name "$bus" --name "$stack-check" --output text --query RuleArn \
    --event-pattern '{"detail-type":["EnrollmentStarted"]}')"
  printf '{"Policy":"{\\"Statement\\":[{\\"Effect\\":\\"Allow\\",\\"Principal\\":{\\"Service\\":\\"events.amazonaws.com\\"},\\"Action\\":\\"sqs:SendMessage\\",\\"Resource\\":\\"%s\\",\\"Condition\\":{\\"ArnEquals\\":{\\"aws:SourceArn\\":\\"%s\\"}}}]}"}' \
    "$arn" "$rule" >"$work/policy.json"
  "${sqs[@]}" set-queue-attributes --queue-url "$queue" --attributes "file://$work/policy.json"
  aws events put-targets --event-bus-name "$bus" --rule "$stack-check" --targets "Id=check,Arn=$arn" >/dev/null
  post CHECK0002 published "$secret" >/dev/null
  # Lambda may take a minute until it begins to read a new stream.
  at_most "seconds from an event to the bus" 90 "$(seconds_until 180 "$0" is '*EnrollmentStarted*' "${sqs[@]}" receive-message --queue-url "$queue" --output text)"
  post CHECK0003 again "$secret" >/dev/null
  at_most "seconds once the stream is read" 15 "$(seconds_until 60 "$0" is '*EnrollmentStarted*' "${sqs[@]}" receive-message --queue-url "$queue" --output text)"
}

files() {
  local answer link part
  expect "the operator's file is made" 'ok' "$(got "$program" export contoso --stack "$stack" --json >/dev/null && echo ok)"
  link="$(curl -sS "${reach[@]}" -o /dev/null -w '%{redirect_url}' "$address/api/reports/files/latest" -H "Authorization: Bearer $token" || true)"
  expect "a link leads to it" 'http*X-Amz-Signature=*' "${link//[[:space:]]/}"
  answer="$(curl -sS -r 0-14 -o "$work/part" -w '%{http_code}' "$link" || true)"
  part="$(cat "$work/part" 2>/dev/null || true)"
  expect "a part of it can be read" '206 SQLite format 3' "$answer $part"
  if on_aws "a changed link is refused"; then
    expect "a changed link is refused" 403 "$(curl -sS -o /dev/null -w '%{http_code}' "${link/reports/other}")"
  fi
}

watched() {
  local wanted there
  wanted="$(aws cloudformation describe-stack-resources --stack-name "$stack" --output text \
    --query "length(StackResources[?ResourceType=='AWS::CloudWatch::Alarm'])")"
  there="$(got aws cloudwatch describe-alarms --alarm-name-prefix "$stack-" --output text --query 'length(MetricAlarms)')"
  expect "the stack's alarms are there" "$wanted" "$there"
  expect "none is in alarm" 0 "$(got aws cloudwatch describe-alarms --alarm-name-prefix "$stack-" --state-value ALARM --output text --query 'length(MetricAlarms)')"
  at_most "seconds until the schedule has called the sweep" 150 "$(seconds_until 180 "$0" is '*REPORT RequestId*' \
    aws logs filter-log-events --log-group-name "$(resource AbandonmentSweepLogs)" --output text --query 'events[].message')"
}

throttled() {
  on_aws "more requests than the limit are answered 429" || return 0
  local codes
  codes="$(curl -sS --parallel --parallel-max 100 -o /dev/null -w '%{http_code}\n' "$address/config.json?[1-400]" | sort | uniq -c | tr -s ' \n' ' ')"
  expect "more requests than the limit are answered 429" '* 429*' "$codes"
}

# Init durations, memory and cost, from the REPORT lines of Lambda.
figures() {
  on_aws "cold starts, memory and cost" || return 0
  local name lines cost=0 reports
  # Lines arrive some seconds after the call.
  sleep 20
  for name in $(functions); do
    lines="$(aws logs filter-log-events --log-group-name "$(resource "${name}Logs")" --filter-pattern REPORT --output text --query 'events[].message' | tr '\t' '\n')"
    reports="$(grep -c 'Billed Duration' <<<"$lines" || true)"
    [ "$reports" -gt 0 ] || continue
    at_most "$name: longest init in ms, of $reports calls" 400 "$(sed -n 's/.*Init Duration: \([0-9.]*\).*/\1/p' <<<"$lines" | sort -g | tail -1)"
    at_most "$name: most memory in MB" 512 "$(sed -n 's/.*Max Memory Used: \([0-9]*\).*/\1/p' <<<"$lines" | sort -g | tail -1)"
    # Per GB and second on ARM, July 2026, and per request.
    cost="$(awk -v so_far="$cost" '/Billed Duration/ { split($0, d, "Duration: "); ms = d[2] + 0; n++ } /Memory Size/ { split($0, m, "Size: "); sum += ms / 1000 * m[2] / 1024 }
      END { printf "%.6f", so_far + sum * 0.0000133334 + n * 0.0000002 }' <<<"$lines")"
  done
  # Table, bus, bucket, API and logs of some hundred calls cost less than a cent together.
  at_most "dollars for the functions of this run" 0.9 "$cost"
}

run() {
  for tool in aws curl openssl awk; do command -v "$tool" >/dev/null || fail "$tool is missing; docs/DEPLOY.md says where to get it"; done
  [ -x "$program" ] || fail "there is no program $program; VESTIBULE names it"
  if [ -n "$endpoint" ]; then export AWS_ENDPOINT_URL="$endpoint"; fi
  AWS_REGION="${AWS_REGION:-$(aws configure get region || true)}"
  [ -n "$AWS_REGION" ] || fail "the region is not known: set AWS_REGION, or a region in the profile"
  export AWS_REGION
  # AWS's own program does not look for SQS where AWS_ENDPOINT_URL says.
  sqs=(aws sqs ${endpoint:+--endpoint-url "$endpoint"})
  stack="vestibule-check-$(od -An -N4 -tx4 /dev/urandom | tr -d ' ')"
  work="$(mktemp -d)"
  echo "account $(aws sts get-caller-identity --query Account --output text), $AWS_REGION, stack $stack"
  trap clean_up EXIT
  local part
  make
  for part in requests addresses stored semantics permissions publications files watched throttled figures; do
    echo "-- $part"
    $part
  done
  [ "$failures" = 0 ] || fail "$failures checks failed"
  echo "all checks passed"
}

# DynamoDB deletes within 48 hours of the time. What is older is counted among the first 100 000 items at most.
expired() {
  [ -n "$table" ] || usage
  local before
  before=$(($(date +%s) - 2 * 86400))
  expect "no item of $table expired more than two days ago" 0 "$(got aws dynamodb scan --table-name "$table" --page-size 1000 --max-items 100000 \
    --filter-expression 'x < :t' --expression-attribute-values "{\":t\":{\"N\":\"$before\"}}" --output json --query 'length(Items)')"
  [ "$failures" = 0 ]
}

mode="${1:-}"
[ $# = 0 ] || shift
# For waiting: whether a command prints something like $1.
if [ "$mode" = is ]; then
  wanted="$1"
  shift
  # shellcheck disable=SC2053  # a pattern
  [[ "$("$@")" == $wanted ]]
  exit
fi
while [ $# -gt 0 ]; do
  case "$1" in
  --arch) arch="${2:-}" ;;
  --domain) domain="${2:-}" ;;
  --certificate) certificate="${2:-}" ;;
  --zone) zone="${2:-}" ;;
  --endpoint) endpoint="${2:-}" ;;
  --table) table="${2:-}" ;;
  *) usage ;;
  esac
  shift 2 || usage
done
case "$mode" in
run) run ;;
expired) expired ;;
*) usage ;;
esac
