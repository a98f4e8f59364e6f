<?php
// A receiver of Satchel's callbacks in PHP 8, without packages.
declare(strict_types=1);

/** Tells whether a callback comes from the server that shares the secret (Standard Webhooks). */
function verify(string $secret, array $headers, string $body, ?int $now = null): bool
{
    $headers = array_change_key_case($headers);
    $key = base64_decode(preg_replace('/^whsec_/', '', $secret), true);
    if ($key === false || strlen($key) < 16) {
        return false; // with an empty key anybody could sign
    }
    $stamp = $headers['webhook-timestamp'] ?? '';
    if (!ctype_digit($stamp) || abs(($now ?? time()) - (int) $stamp) > 300) {
        return false; // too old, or from the future
    }
    $signed = ($headers['webhook-id'] ?? '') . '.' . $stamp . '.' . $body;
    $want = 'v1,' . base64_encode(hash_hmac('sha256', $signed, $key, true));
    foreach (explode(' ', $headers['webhook-signature'] ?? '') as $one) { // two, while the secret is changed
        if (hash_equals($want, $one)) {
            return true;
        }
    }
    return false;
}

$body = file_get_contents('php://input'); // the bytes as they came: nothing parsed and written again
if (!verify((string) getenv('SATCHEL_WEBHOOK_SECRET'), getallheaders(), $body)) {
    http_response_code(401);
    exit;
}
$message = json_decode($body, true, 512, JSON_THROW_ON_ERROR);
$invoice = $message['data'] ?? $message; // the extended format
// The same event may come again: its header webhook-id is equal then.
if (in_array($invoice['status'], ['confirmed', 'complete'], true)) {
    error_log('order ' . ($invoice['orderId'] ?? '') . ' is paid by invoice ' . $invoice['id']);
}
http_response_code(204);
