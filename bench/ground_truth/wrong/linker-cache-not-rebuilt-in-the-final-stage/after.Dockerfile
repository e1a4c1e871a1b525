FROM localhost/trimtab/python:3.11-bookworm AS codes
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libqrencode4 \
 && rm -rf /var/lib/apt/lists/* \
 && mkdir /opt/codes && cp -L /usr/lib/*-linux-gnu/libqrencode.so.4 /opt/codes/ \
 && apt-get purge -y -qq libqrencode4

FROM localhost/trimtab/python:3.11-bookworm
COPY --from=codes /opt/codes /opt/codes
RUN echo /opt/codes > /etc/ld.so.conf.d/codes.conf
WORKDIR /srv/tickets
COPY server.py ./
EXPOSE 8000
CMD ["python", "server.py"]
