FROM localhost/trimtab/debian:bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends libcap2-bin python3 \
 && rm -rf /var/lib/apt/lists/*
RUN useradd --uid 1200 receiver
WORKDIR /srv/handover
RUN cp /bin/chown ./give && setcap cap_chown+ep give
RUN chown root:root give
COPY server.py ./
USER receiver
EXPOSE 8000
CMD ["python3", "server.py"]
