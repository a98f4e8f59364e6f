# A receiver of Satchel's callbacks in Ruby, as a Rack application: "run Receiver" in config.ru, or mount it in Rails.
# frozen_string_literal: true

require 'json'
require 'openssl'

module Receiver
  # verify tells whether a callback comes from the server that shares the secret (Standard Webhooks).
  def self.verify(secret, headers, body, now = Time.now.to_i)
    key = secret.delete_prefix('whsec_').unpack1('m')
    return false if key.bytesize < 16 # with an empty key anybody could sign

    stamp = headers['webhook-timestamp'].to_s
    return false unless stamp.match?(/\A\d+\z/) && (now - stamp.to_i).abs <= 300 # too old, or from the future

    signed = "#{headers['webhook-id']}.#{stamp}.".b + body.b
    want = "v1,#{[OpenSSL::HMAC.digest('SHA256', key, signed)].pack('m0')}"
    headers['webhook-signature'].to_s.split.any? { |one| OpenSSL.secure_compare(one, want) } # two, while the secret is changed
  end

  def self.call(env)
    body = env['rack.input'].read # the bytes as they came: nothing parsed and written again
    headers = %w[webhook-id webhook-timestamp webhook-signature].to_h { |name| [name, env["HTTP_#{name.upcase.tr('-', '_')}"]] }
    return [401, {}, []] unless verify(ENV.fetch('SATCHEL_WEBHOOK_SECRET', ''), headers, body)

    invoice = JSON.parse(body)
    invoice = invoice['data'] if invoice.key?('data') # the extended format
    # The same event may come again: headers['webhook-id'] is equal then.
    puts "order #{invoice['orderId']} is paid by invoice #{invoice['id']}" if %w[confirmed complete].include?(invoice['status'])
    [204, {}, []]
  end
end
