FROM localhost/trimtab/python:3.11-bookworm AS build
WORKDIR /srv/preview
COPY server.py ./

FROM localhost/trimtab/python:3.11-bookworm
RUN useradd --uid 1500 --no-create-home --shell /usr/sbin/nologin preview
WORKDIR /srv/preview
COPY --from=build /srv/preview ./
USER preview
EXPOSE 8000
CMD ["python", "server.py"]
