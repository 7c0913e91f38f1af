//! nginx as a plain reverse proxy: a kept-alive pool to the upstream, no log, answers passed on as they come.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result};

use super::{Kind, Process, Target, silent};

/// Starts nginx in front of `upstream` with a configuration of its own in `directory`.
pub(crate) fn start(directory: &Path, upstream: SocketAddr) -> Result<Target> {
    let program = ["nginx", "/usr/sbin/nginx"]
        .into_iter()
        .find(|name| silent(Command::new(name).arg("-v")).status().is_ok_and(|status| status.success()))
        .context("nginx is missing: apt-get install --no-install-recommends nginx-light")?;
    // nginx cannot say which port it was given, so a free one is chosen for it.
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let file = directory.join("nginx.conf");
    std::fs::write(&file, configuration(directory, address, upstream))?;
    let mut command = Command::new(program);
    command.arg("-p").arg(directory).arg("-c").arg(&file).args(["-e", "stderr"]);
    let mut process = Process::spawn(command, &directory.join("nginx.log"))?;
    process.wait_for("nginx", || TcpStream::connect(address).ok())?;
    Ok(Target { kind: Kind::Nginx, address, process })
}

fn configuration(directory: &Path, address: SocketAddr, upstream: SocketAddr) -> String {
    let directory = directory.display();
    // Started by root, workers would become `nobody` and could not reach the folder of this run.
    let user = if is_root() { "user root;" } else { "" };
    format!(
        "{user}
daemon off;
worker_processes auto;
pid {directory}/nginx.pid;
error_log stderr error;
worker_rlimit_nofile 16384;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  client_body_temp_path {directory}/body;
  proxy_temp_path {directory}/proxy;
  fastcgi_temp_path {directory}/fastcgi;
  uwsgi_temp_path {directory}/uwsgi;
  scgi_temp_path {directory}/scgi;
  keepalive_requests 100000000;
  client_max_body_size 64m;
  client_body_buffer_size 256k;
  tcp_nodelay on;
  upstream fake {{ server {upstream}; keepalive 256; keepalive_requests 100000000; }}
  server {{
    listen {address} backlog=4096;
    location / {{
      proxy_pass http://fake;
      proxy_http_version 1.1;
      proxy_set_header Connection \"\";
      proxy_buffering off;
      proxy_read_timeout 300s;
    }}
  }}
}}
"
    )
}

fn is_root() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    status.lines().any(|line| line.starts_with("Uid:") && line.split_whitespace().nth(2) == Some("0"))
}
