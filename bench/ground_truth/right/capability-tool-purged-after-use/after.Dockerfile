FROM localhost/trimtab/python:3.11-bookworm
RUN useradd --uid 1200 receiver
WORKDIR /srv/handover
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libcap2-bin \
 && cp /bin/chown ./give && setcap cap_chown+ep give \
 && apt-get purge -y -qq libcap2-bin && rm -rf /var/lib/apt/lists/*
COPY server.py ./
USER receiver
EXPOSE 8000
CMD ["python", "server.py"]
