FROM localhost/trimtab/python:3.11-bookworm AS build
RUN python3 -m venv --without-pip /opt/venv
COPY requirements.txt /tmp/requirements.txt
RUN pip --python /opt/venv/bin/python install -q --no-cache-dir -r /tmp/requirements.txt

FROM localhost/trimtab/debian:bookworm
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends python3 \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv/wiki
COPY server.py ./
ENV PATH=/opt/venv/bin:$PATH
EXPOSE 8000
CMD ["python", "server.py"]
