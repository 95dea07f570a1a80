#!/bin/sh
# In place of the image `nginx`, which CI cannot download: its templates, and the variable of the name servers.
set -eu
[ "$NGINX_ENTRYPOINT_LOCAL_RESOLVERS" = 1 ]
servers=$(sed -n 's/^nameserver //p' /etc/resolv.conf | tr '\n' ' ')
for template in /etc/nginx/templates/*.template; do
  name=${template##*/}
  sed "s/\${NGINX_LOCAL_RESOLVERS}/$servers/" "$template" >"/etc/nginx/conf.d/${name%.template}"
done
exec nginx -g 'daemon off; error_log stderr;'
