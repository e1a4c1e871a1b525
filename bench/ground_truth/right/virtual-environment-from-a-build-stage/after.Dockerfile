FROM localhost/trimtab/python:3.11-bookworm AS build
RUN python3 -m venv --without-pip /opt/venv
COPY requirements.txt /tmp/requirements.txt
RUN pip --python /opt/venv/bin/python install -q --no-cache-dir -r /tmp/requirements.txt

FROM localhost/trimtab/python:3.11-bookworm
COPY --from=build /opt/venv /opt/venv
WORKDIR /srv/wiki
COPY server.py ./
ENV PATH=/opt/venv/bin:$PATH
EXPOSE 8000
CMD ["python", "server.py"]
